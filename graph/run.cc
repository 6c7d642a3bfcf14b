#include "graph/run.h"

#include <algorithm>
#include <mutex>

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
    steps.resize(static_cast<size_t>(plan->graph.steps),
                 {.seed = settings.seed, .workspace = &workspace});
    contexts = state.make_contexts(steps);
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
      check_wanted();
      if (planned.kernel != nullptr) {
        planned.kernel->launch(contexts[node]);
      } else if (auto control = nested.find(node); control != nested.end()) {
        control->second.launch(steps[plan->graph.ops[node].step].step);
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
    // The same for all nodes of a run.
    report.store(completion.notify, std::memory_order_relaxed);
    reported_to.store(completion.receiver, std::memory_order_relaxed);
    try {
      check_wanted();
      static_cast<const AsyncKernel&>(*planned.kernel)
          .start(contexts[node], {&Impl::ended, this, node});
    } catch (...) {
      rethrow_with_context(node);
    }
  }

  /// A net around that was cancelled could not pass this on to a run that was about to begin.
  void check_wanted() const {
    require(settings.around == nullptr || !settings.around->cancelled(), ErrorCode::kCancelled,
            "the net around was cancelled");
  }

  /// Passes the end of an asynchronous node on to whoever runs the nodes.
  static void ended(void* self, int node, std::exception_ptr error) {
    auto& mine = *static_cast<Impl*>(self);
    if (error != nullptr) {
      try {
        try {
          std::rethrow_exception(error);
        } catch (...) {
          mine.rethrow_with_context(node);
        }
      } catch (...) {
        error = std::current_exception();
      }
    }
    const auto notify = mine.report.load(std::memory_order_relaxed);
    notify(mine.reported_to.load(std::memory_order_relaxed), node, std::move(error));
  }

  /// Adds operator, net and operand types to whatever a kernel threw.
  [[noreturn]] void rethrow_with_context(int node) {
    const Op& op = plan->graph.ops[node];
    try {
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
    } catch (const Error& error) {
      note_failure(error.what());
      throw;
    }
  }

  /// The first thing that goes wrong is what other ranks are told.
  void note_failure(std::string reason) noexcept {
    const std::lock_guard lock(failure_mutex);
    if (failure.empty()) failure = std::move(reason);
  }

  /// Nobody may wait for collectives that will not come, nor for loops that nobody needs.
  void on_abort() noexcept override {
    if (!plan->tickets.empty()) abort_collectives();
    for (auto& [node, control] : nested) control.cancel();
  }

  void abort_collectives() {
    std::string reason;
    {
      const std::lock_guard lock(failure_mutex);
      reason = failure.empty() ? "the run was cancelled" : failure;
    }
    for (const graph::OpId node : plan->tickets) {
      const auto* kernel = dynamic_cast<const AsyncKernel*>(plan->nodes[node].kernel.get());
      if (kernel != nullptr) kernel->abort(contexts[node], reason);
    }
  }

  /// All ranks have to communicate alike: shown before the first time, because a difference would
  /// be a wrong result or a deadlock later.
  void compare_collectives() {
    if (compared) return;
    for (size_t group = 0; group < plan->communicators.size(); ++group) {
      if (plan->communicators[group].communicator == nullptr) continue;
      plan->communicators[group].communicator->agree(
          fmt::format("collectives in net '{}'", plan->graph.name),
          graph::describe_collectives(*plan, static_cast<int>(group)));
    }
    compared = true;
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
    if (auto control = nested.find(node); control != nested.end()) control->second.prepare();
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
    failure.clear();
    compare_collectives();  // what differs is an error on every rank
    try {
      execute_once(at_step);
    } catch (const Error& error) {
      note_failure(error.what());
      on_abort();
      throw;
    }
  }

  void execute_once(uint64_t at_step) {
    for (StepState& step : steps) step.step = at_step++;
    Workspace& workspace = *steps.front().workspace;
    workspace.check_whole();
    RunState::Leases leases(state);
    state.bind();
    state.refresh_packed(contexts);
    wrote_state.store(false, std::memory_order_relaxed);
    for (auto& [node, control] : nested) control.prepare();
    try {
      run_nodes();
    } catch (Error& error) {
      if (error.code() == ErrorCode::kNumeric && error.location().op_type == "CheckFinite") {
        error.caused_by(find_non_finite(*plan, state, std::max(0, error.location().step),
                                        [this](int node) { run_alone(node); }));
      }
      if (wrote_state.load()) workspace.mark_torn(error.message());
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
  std::vector<StepState> steps;  // of which one run is made
  std::vector<OpContext> contexts;
  std::map<int, DynamicNode> dynamic;
  std::map<int, NestedNode> nested;
  Executor executor;
  std::atomic<bool> wrote_state{false};
  std::atomic<decltype(Completion::notify)> report{nullptr};  // of the run's asynchronous nodes
  std::atomic<void*> reported_to{nullptr};
  std::mutex failure_mutex;
  std::string failure;  // the first of this run
  bool compared = false;
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
