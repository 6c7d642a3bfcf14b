#include <map>

#include "core/proto/net.pb.h"
#include "graph/passes.h"
#include "graph/problems.h"

namespace headrace::graph {
namespace {

/// Everything an operator reads that has no type although it comes from outside.
std::vector<std::string> missing_inputs(const Graph& graph) {
  std::vector<std::string> names;
  for (const auto& [name, slot] : graph.slots) {
    if (slot.first == kNone) continue;
    const Value& value = graph.values[slot.first];
    if (!value.consumers.empty() && !value.handle && !value.type.complete()) names.push_back(name);
  }
  return names;
}

}  // namespace

void infer_types(Graph& graph, const InputTypes& inputs, bool complete) {
  for (const auto& [name, slot] : graph.slots) {
    auto given = inputs.find(name);
    if (slot.first == kNone || given == inputs.end()) continue;
    graph.values[slot.first].type = {given->second.dtype, given->second.shape};
    graph.values[slot.first].layout = given->second.layout;
  }
  Problems problems(graph.name);
  if (complete) {
    for (const std::string& name : missing_inputs(graph)) {
      problems.add(fmt::format(
          "the shape of input '{}' is not known: give it with an init net, an input or a shape",
          name));
    }
  }
  std::vector<TensorType> types;
  std::vector<const Tensor*> elements;
  std::map<ValueId, Tensor> known;  // values whose elements follow from types alone
  for (const Op& op : graph.ops) {
    types.clear();
    elements.clear();
    for (ValueId value : op.inputs) {
      types.push_back(graph.values[value].type);
      auto found = known.find(value);
      elements.push_back(found == known.end() ? nullptr : &found->second);
    }
    const Args args = op.args();
    std::vector<TensorType> results(op.outputs.size());
    if (op.kind == OpKind::kOperator) {
      try {
        const InferContext context{.args = args,
                                   .inputs = types,
                                   .outputs = static_cast<int>(op.outputs.size()),
                                   .values = elements};
        results = op.schema->infer_types(context);
        std::vector<Tensor> folded = op.schema->known_outputs(context);
        for (size_t i = 0; i < folded.size(); ++i) {
          if (folded[i].defined() && op.outputs[i] != kNone) known[op.outputs[i]] = folded[i];
        }
      } catch (const Error& error) {
        std::string operands;
        for (ValueId value : op.inputs) {
          operands += fmt::format("{}'{}' {}", operands.empty() ? "; inputs " : ", ",
                                  graph.values[value].name, graph.values[value].type.to_string());
        }
        problems.add(graph.locate(op), error.message() + operands);
      }
    }
    for (size_t i = 0; i < op.outputs.size(); ++i) {
      if (op.outputs[i] != kNone) graph.values[op.outputs[i]].type = results[i];
    }
  }
  problems.throw_if_any();
}

}  // namespace headrace::graph
