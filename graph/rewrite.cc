#include <algorithm>

#include "core/proto/net.pb.h"
#include "core/registry.h"
#include "graph/control.h"
#include "graph/passes.h"

namespace headrace::graph {

void split_operators(Graph& graph) {
  std::vector<Op> ops;
  for (Op& op : graph.ops) {
    if (op.kind != OpKind::kOperator || !op.schema->split_fn()) {
      ops.push_back(std::move(op));
      continue;
    }
    const std::vector<SplitPart> parts = op.schema->split_fn()(
        op.args(), static_cast<int>(op.inputs.size()), static_cast<int>(op.outputs.size()));
    for (const SplitPart& part : parts) {
      Op piece = op;
      piece.schema = &get_schema(part.type);
      piece.inputs.clear();
      piece.outputs.clear();
      for (int i : part.inputs) piece.inputs.push_back(op.inputs.at(i));
      for (int i : part.outputs) piece.outputs.push_back(op.outputs.at(i));
      ops.push_back(std::move(piece));
    }
    if (parts.empty()) ops.push_back(std::move(op));
  }
  graph.ops = std::move(ops);
  graph.relink();
}

void prune(Graph& graph, const Interface& interface) {
  std::vector<bool> needed(graph.values.size(), false);
  for (const auto& [name, value] : interface.outputs) needed[value] = true;
  for (const Interface::Input& input : interface.inputs) {
    if (input.state) needed[graph.last(input.name)] = true;
  }
  // Backwards, so that every consumer is decided before its producer.
  for (OpId id = static_cast<OpId>(graph.ops.size()) - 1; id >= 0; --id) {
    Op& op = graph.ops[id];
    bool keep = !effects_of(op).empty();
    for (ValueId value : op.outputs) keep |= value != kNone && needed[value];
    if (!keep) {
      op.schema = nullptr;
      continue;
    }
    for (ValueId value : op.inputs) needed[value] = true;
    if (op.kind != OpKind::kOperator) continue;
    for (ValueId& value : op.outputs) {
      if (value != kNone && !needed[value]) value = kNone;
    }
  }
  graph.relink();
}

void protect_state(Graph& graph, const Interface& interface) {
  std::vector<Op> ops;
  for (Op& op : graph.ops) {
    std::vector<Op> copies;
    for (size_t o = 0; o < op.outputs.size(); ++o) {
      ValueId written = op.outputs[o];
      if (written == kNone || graph.values[written].handle) continue;
      const std::string name = graph.values[written].name;
      if (!interface.is_state(name)) continue;
      bool clash = false;
      for (size_t i = 0; i < op.inputs.size(); ++i) {
        clash |= graph.values[op.inputs[i]].name == name &&
                 !op.schema->allows_inplace(static_cast<int>(i), static_cast<int>(o));
      }
      if (!clash) continue;
      Value aside = graph.values[written];
      aside.name += "~";
      op.outputs[o] = graph.add_value(std::move(aside));
      copies.push_back(graph.make_op("Reorder", op.step, graph.values[written].device,
                                     {op.outputs[o]}, {written}));
    }
    ops.push_back(std::move(op));
    for (Op& copy : copies) ops.push_back(std::move(copy));
  }
  graph.ops = std::move(ops);
  graph.relink();
}

}  // namespace headrace::graph
