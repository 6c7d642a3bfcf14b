#include "graph/nested_node.h"

#include <algorithm>

#include "core/blocking_service.h"
#include "core/proto/net.pb.h"
#include "graph/control.h"

namespace headrace {

using graph::kNone;
using graph::OpKind;
using graph::Storage;
using graph::ValueId;

NestedNode::NestedNode(const Plan& plan, RunState& state, int node, ThreadPool& pool,
                       const RunSettings& settings)
    : plan_(plan),
      state_(state),
      op_(plan.graph.ops[node]),
      node_(node),
      around_(settings.around),
      inputs_(op_.def->input().begin(), op_.def->input().end()),
      outputs_(op_.def->output().begin(), op_.def->output().end()),
      changed_(outputs_.begin(), outputs_.end()) {
  for (const std::string& name : graph::free_names(*op_.def).writes) changed_.insert(name);
  for (const Argument& arg : op_.def->arg()) {
    const std::unique_ptr<NetDef> net = graph::nested_net(*op_.def, arg.name());
    if (net == nullptr) continue;
    for (const std::string& name : graph::free_names(*net).reads) read_inside_.insert(name);
  }
  if (op_.kind == OpKind::kIf) {
    body_ = session("then_net", pool, settings);
    otherwise_ = session("else_net", pool, settings);
  } else {
    condition_ = session("cond_net", pool, settings);
    body_ = session("loop_net", pool, settings);
  }
}

std::unique_ptr<Session> NestedNode::session(const std::string& arg, ThreadPool& pool,
                                             const RunSettings& settings) {
  const std::unique_ptr<NetDef> net = graph::nested_net(*op_.def, arg);
  if (net == nullptr) return nullptr;
  // What has to outlive the nested run: what comes out, and what is read in the next round.
  SessionOptions options{.compile = plan_.options, .run = settings};
  options.compile.readable = {};
  options.compile.finite.clear();
  options.compile.warn = nullptr;  // said when the net around was built
  options.compile.once = false;    // whatever the net around is: a body runs once a round
  options.run = {.seed = settings.seed, .around = this};
  const graph::FreeNames free = graph::free_names(*net);
  for (const std::string& name : free.writes) {
    const auto output = std::ranges::find(outputs_, name);
    const bool comes_out =
        output != outputs_.end() && op_.outputs[output - outputs_.begin()] != kNone;
    const bool read_again = read_inside_.contains(name) || name == inputs_[0];
    if (comes_out || read_again) options.compile.readable.names.push_back(name);
  }
  // What is there before it runs, for nodes in the net that may write it or leave it.
  for (const std::string& name : inputs_) net->add_external_input(name);
  for (const std::string& name : free.reads) net->add_external_input(name);
  for (const std::string& name : options.compile.readable.names) net->add_external_output(name);
  return std::make_unique<Session>(*net, workspace_, pool, options);
}

void NestedNode::launch(uint64_t step) {
  const BlockingService::Waiting waiting(BlockingService::process());
  take_inputs();
  if (op_.kind == OpKind::kIf) {
    run(holds() ? body_ : otherwise_, step);
  } else {
    // Every round draws random numbers of its own.
    constexpr uint64_t kRounds = uint64_t{1} << 40;
    for (uint64_t round = 0;; ++round) {
      run(condition_, step + round * kRounds);
      if (!holds()) break;
      run(body_, step + round * kRounds);
    }
  }
  give_outputs();
}

void NestedNode::run(const std::unique_ptr<Session>& session, uint64_t step) {
  require(!cancelled(), ErrorCode::kCancelled, "cancelled");
  if (session != nullptr) session->run(step);
}

void NestedNode::cancel() {
  cancelled_.store(true);
  for (const auto& session : {&condition_, &body_, &otherwise_}) {
    if (*session != nullptr) (*session)->cancel();
  }
}

bool NestedNode::cancelled() const {
  return cancelled_.load() || (around_ != nullptr && around_->cancelled());
}

void NestedNode::take_inputs() {
  workspace_.clear_torn();  // whatever a run that failed has left is taken away here
  for (const std::string& name : workspace_.names()) workspace_.remove(name);
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const ValueId id = op_.inputs[i];
    const std::string& name = inputs_[i];
    if (plan_.graph.values[id].handle) {
      workspace_.feed(name, state_.handle(id));
      continue;
    }
    const Tensor tensor = state_.view(id);
    if (!tensor.defined()) continue;
    workspace_.feed(name, changed_.contains(name) ? tensor.clone() : tensor);
  }
}

bool NestedNode::holds() const {
  const std::string& name = inputs_[0];
  const Tensor condition = workspace_.fetch(name);
  require(condition.dtype() == DType::kBool && condition.numel() == 1, ErrorCode::kTypeMismatch,
          "the condition '{}' must be one bool, found {}", name, condition.desc().to_string());
  return condition.item<bool>();
}

void NestedNode::give_outputs() {
  for (size_t i = 0; i < outputs_.size(); ++i) {
    const ValueId id = op_.outputs[i];
    if (id == kNone) continue;
    const std::string& name = outputs_[i];
    const Slot* slot = workspace_.find(name);
    const bool made = slot != nullptr && slot->blob.is_tensor();
    require(made || slot == nullptr || slot->blob.empty(), ErrorCode::kUnsupported,
            "'{}' is {}, and only tensors leave a nested net", name,
            slot == nullptr ? "" : slot->blob.to_string());
    const Storage storage = plan_.storage.places[id].storage;
    if (storage == Storage::kNone) continue;
    if (storage == Storage::kDynamic) {
      if (made) {
        state_.place_dynamic(id, slot->blob.tensor().plain());
      } else {
        state_.forget_dynamic(id);  // the net that would have made it did not run
      }
      continue;
    }
    const TensorDesc& planned = plan_.descs[id];
    require(made, ErrorCode::kNotFound, "'{}' was made by no nested net, and the plan has {}", name,
            planned.to_string());
    const Tensor& found = slot->blob.tensor();
    const Tensor tensor = found.device().is_cpu() ? found : found.clone(Device{});
    require(tensor.dtype() == planned.dtype && tensor.shape() == planned.shape,
            ErrorCode::kShapeMismatch, "output '{}' is {}, and the plan has {}", name,
            tensor.desc().to_string(), planned.to_string());
    Tensor target = state_.view(id);
    reorder(tensor.raw(), tensor.desc(), target.raw(), target.desc());
  }
}

}  // namespace headrace
