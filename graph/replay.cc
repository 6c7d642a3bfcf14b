#include "graph/replay.h"

#include <cmath>

#include "graph/problems.h"

namespace headrace {

using graph::kNone;
using graph::Op;
using graph::OpId;
using graph::ValueId;

namespace {

/// "nan at element 17" when a float tensor holds something that is not finite, else "".
std::string fault_in(const Tensor& tensor) {
  if (!tensor.defined() || tensor.dtype() != DType::kFloat32) return "";
  const Tensor plain = tensor.plain();
  const std::span<const float> elements = plain.data<float>();
  for (size_t i = 0; i < elements.size(); ++i) {
    if (!std::isfinite(elements[i])) {
      return fmt::format("{} at element {}", std::isnan(elements[i]) ? "nan" : "inf", i);
    }
  }
  return "";
}

/// Operators of a step that its checks depend on.
std::vector<bool> forward_of_checks(const Plan& plan, int step) {
  std::vector<bool> marked(plan.graph.ops.size(), false);
  for (OpId id = static_cast<OpId>(plan.graph.ops.size()) - 1; id >= 0; --id) {
    const Op& op = plan.graph.ops[id];
    if (op.step != step || (op.type() != "CheckFinite" && !marked[id])) continue;
    for (ValueId input : op.inputs) {
      const OpId producer = plan.graph.values[input].producer;
      if (producer != kNone) marked[producer] = plan.graph.ops[producer].step == step;
    }
  }
  return marked;
}

}  // namespace

std::string find_non_finite(const Plan& plan, const RunState& state, int step,
                            function_ref<void(int node)> run_node) {
  for (const graph::Interface::Input& input : plan.interface.inputs) {
    if (plan.graph.values[input.value].handle) continue;
    if (std::string fault = fault_in(state.view(input.value)); !fault.empty()) {
      return input.state
                 ? fmt::format("state '{}' holds {} since an earlier step, or from the start",
                               input.name, fault)
                 : fmt::format("input '{}' holds {}", input.name, fault);
    }
  }
  const std::vector<bool> forward = forward_of_checks(plan, step);
  for (OpId id = 0; id < static_cast<OpId>(plan.graph.ops.size()); ++id) {
    if (!forward[id]) continue;
    run_node(id);
    const Op& op = plan.graph.ops[id];
    for (ValueId output : op.outputs) {
      if (output == kNone || plan.graph.values[output].handle) continue;
      if (std::string fault = fault_in(state.view(output)); !fault.empty()) {
        return fmt::format("it began in {}, whose inputs were finite: output '{}' is {}",
                           graph::describe(plan.graph.locate(op)), plan.graph.values[output].name,
                           fault);
      }
    }
  }
  return "every value was finite when the forward pass was run again";
}

}  // namespace headrace
