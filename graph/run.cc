#include "graph/run.h"

#include <algorithm>

#include "core/completion_wait.h"
#include "core/proto/net.pb.h"
#include "core/text.h"
#include "graph/dynamic_node.h"
#include "graph/executor.h"
#include "graph/nested_node.h"
#include "graph/replay.h"
#include "graph/run_state.h"

namespace headrace {

using graph::kNone;
using graph::Op;
using graph::Storage;
using graph::ValueId;

struct Run::Impl final : NodeRunner {
  Impl(std::shared_ptr<const Plan> the_plan, Workspace& workspace, ThreadPool& pool,
       RunSettings settings)
      : plan(std::move(the_plan)),
        settings(settings),
        state(*plan, workspace, settings.publish),
        executor(plan->schedule, pool,
                 {.width = std::min(plan->options.threads, pool.threads()),
                  .serial = plan->options.serial}) {
    step.seed = settings.seed;
    step.workspace = &workspace;
    contexts = state.make_contexts(step);
    for (size_t node = 0; node < plan->nodes.size(); ++node) {
      const int id = static_cast<int>(node);
      if (plan->graph.ops[node].kind != graph::OpKind::kOperator) {
        nested.try_emplace(id, *plan, state, id, pool, settings);
      } else if (plan->nodes[node].kernel == nullptr) {
        dynamic.emplace(id, DynamicNode(*plan, state, id));
      }
    }
  }

  void run(int node, int /*worker*/) override {
    const PlanNode& planned = plan->nodes[node];
    if (planned.writes_state) wrote_state.store(true, std::memory_order_relaxed);
    try {
      if (planned.kernel != nullptr) {
        planned.kernel->launch(contexts[node]);
      } else if (auto control = nested.find(node); control != nested.end()) {
        control->second.launch(step.step);
      } else {
        dynamic.at(node).launch(contexts[node]);
      }
    } catch (...) {
      rethrow_with_context(node);
    }
  }

  void start(int node, int /*worker*/, Completion completion) override {
    const PlanNode& planned = plan->nodes[node];
    if (planned.writes_state) wrote_state.store(true, std::memory_order_relaxed);
    try {
      static_cast<const AsyncKernel&>(*planned.kernel).start(contexts[node], completion);
    } catch (...) {
      rethrow_with_context(node);
    }
  }

  /// Adds operator, net and operand types to whatever a kernel threw.
  [[noreturn]] void rethrow_with_context(int node) const {
    const Op& op = plan->graph.ops[node];
    try {
      throw;
    } catch (Error& error) {
      throw error.at(plan->graph.locate(op)).with_shapes(state.describe_inputs(node));
    } catch (const std::exception& exception) {
      throw Error(ErrorCode::kInternal, "a kernel failed")
          .at(plan->graph.locate(op))
          .with_shapes(state.describe_inputs(node))
          .caused_by(exception.what());
    }
  }

  /// All nodes, and what they have queued on devices, to the end. The first error counts: a device
  /// that has failed may well be its consequence.
  void run_nodes() {
    std::exception_ptr error;
    try {
      executor.execute(*this, {.trace = settings.trace});
    } catch (...) {
      error = std::current_exception();
    }
    std::exception_ptr device_error = state.drain();
    if (error == nullptr) error = std::move(device_error);
    if (error != nullptr) std::rethrow_exception(error);
  }

  /// One node and nothing else, to its end.
  void run_alone(int node) {
    if (plan->schedule.kinds[node] != NodeKind::kAsync) {
      run(node, 0);
    } else {
      CompletionWait end;
      start(node, 0, end.completion());
      if (std::exception_ptr error = end.wait()) std::rethrow_exception(error);
    }
    if (std::exception_ptr error = state.drain()) std::rethrow_exception(error);
  }

  void execute(uint64_t at_step) {
    step.step = at_step;
    step.workspace->check_whole();
    RunState::Leases leases(state);
    state.bind();
    state.refresh_packed(contexts);
    wrote_state.store(false, std::memory_order_relaxed);
    for (auto& [node, control] : nested) control.prepare();
    try {
      run_nodes();
    } catch (Error& error) {
      if (error.code() == ErrorCode::kNumeric && error.location().op_type == "CheckFinite") {
        error.caused_by(find_non_finite(*plan, state, [this](int node) { run_alone(node); }));
      }
      if (wrote_state.load()) step.workspace->mark_torn(error.message());
      throw;
    }
    state.finish();
  }

  void cancel() {
    executor.cancel();
    for (auto& [node, control] : nested) control.cancel();
  }

  std::shared_ptr<const Plan> plan;
  RunSettings settings;
  RunState state;
  StepState step;
  std::vector<OpContext> contexts;
  std::map<int, DynamicNode> dynamic;
  std::map<int, NestedNode> nested;
  Executor executor;
  std::atomic<bool> wrote_state{false};
};

Run::Run(std::shared_ptr<const Plan> plan, Workspace& workspace, ThreadPool& pool,
         RunSettings settings)
    : impl_(std::make_unique<Impl>(std::move(plan), workspace, pool, settings)) {}

Run::~Run() = default;

void Run::set_input(std::string_view name, Tensor tensor) {
  impl_->state.set_input(name, std::move(tensor));
}

void Run::execute(uint64_t step) { impl_->execute(step); }

void Run::cancel() { impl_->cancel(); }

Tensor Run::output(std::string_view name) const { return impl_->state.output(name); }

const Plan& Run::plan() const { return *impl_->plan; }

}  // namespace headrace
