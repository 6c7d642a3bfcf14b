#include "core/proto/net.pb.h"
#include "graph/control.h"
#include "graph/passes.h"

namespace headrace::graph {
namespace {

std::vector<bool> ancestors_of(const Graph& graph, ValueId value) {
  std::vector<bool> marked(graph.ops.size(), false);
  std::vector<OpId> open;
  auto visit = [&](ValueId id) {
    OpId producer = graph.values[id].producer;
    if (producer == kNone || marked[producer]) return;
    marked[producer] = true;
    open.push_back(producer);
  };
  visit(value);
  while (!open.empty()) {
    OpId op = open.back();
    open.pop_back();
    for (ValueId input : graph.ops[op].inputs) visit(input);
  }
  return marked;
}

/// Backward operators, and whatever changes something that outlives the run.
bool must_wait(const Graph& graph, const Op& op, const Interface& interface) {
  if (op.def->is_gradient_op() || !effects_of(op).empty()) return true;
  for (ValueId output : op.outputs) {
    if (output != kNone && interface.is_state(graph.values[output].name)) return true;
  }
  return false;
}

}  // namespace

void guard_losses(Graph& graph, const std::vector<std::string>& losses,
                  const Interface& interface) {
  for (const std::string& loss : losses) {
    const ValueId value = graph.last(loss);
    require(value != kNone, ErrorCode::kNotFound, "net '{}' has no loss '{}'", graph.name, loss);
    const OpId producer = graph.values[value].producer;
    if (producer == kNone) continue;
    const std::vector<bool> forward = ancestors_of(graph, value);
    Op guard = graph.make_op("CheckFinite", graph.ops[producer].step, graph.ops[producer].device,
                             {value}, {});
    for (OpId id = producer + 1; id < static_cast<OpId>(graph.ops.size()); ++id) {
      Op& op = graph.ops[id];
      if (!forward[id] && must_wait(graph, op, interface)) op.after.push_back(guard.origin);
    }
    graph.ops.insert(graph.ops.begin() + producer + 1, std::move(guard));
    graph.relink();
  }
}

}  // namespace headrace::graph
