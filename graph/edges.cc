#include <map>

#include "graph/collectives.h"
#include "graph/control.h"
#include "graph/passes.h"

namespace headrace::graph {
namespace {

void add_data_edges(const Graph& graph, std::vector<Edge>& edges) {
  for (const Value& value : graph.values) {
    if (value.producer == kNone) continue;
    for (OpId consumer : value.consumers) {
      edges.push_back({value.producer, consumer, EdgeKind::kData});
    }
  }
}

/// All versions of a state share one buffer: whoever writes the next one waits for the readers and
/// the writer of the one before.
void add_state_edges(const Graph& graph, const Interface& interface, std::vector<Edge>& edges) {
  std::map<std::string, std::vector<const Value*>, std::less<>> versions;
  for (const Value& value : graph.values) {
    if (interface.is_state(value.name)) versions[value.name].push_back(&value);
  }
  for (const auto& [name, chain] : versions) {
    for (size_t k = 1; k < chain.size(); ++k) {
      const OpId writer = chain[k]->producer;
      if (writer == kNone) continue;  // pruned: overwritten before anybody read it
      for (size_t before = 0; before < k; ++before) {
        for (OpId reader : chain[before]->consumers) {
          if (reader != writer) edges.push_back({reader, writer, EdgeKind::kAnti});
        }
        if (chain[before]->producer != kNone) {
          edges.push_back({chain[before]->producer, writer, EdgeKind::kAnti});
        }
      }
    }
  }
}

/// Collectives go on side by side: tickets, not edges, see to it that all ranks start them in one
/// order. Only those with an effect, barriers, come after all others.
bool is_ordered_by_ticket(const Op& op) {
  return op.schema->is_collective() && effects_of(op).empty();
}

/// What comes later waits for what came before on one resource or handle.
class Chain {
 public:
  explicit Chain(std::vector<Edge>& edges) : edges_(edges) {}

  /// `together`: side by side with others that are, but not with the rest.
  void add(OpId id, bool together) {
    if (together) {
      if (last_ != kNone && last_ != id) edges_.push_back({last_, id, EdgeKind::kOrder});
      if (since_.empty() || since_.back() != id) since_.push_back(id);
      return;
    }
    for (OpId before : since_) {
      if (before != id) edges_.push_back({before, id, EdgeKind::kOrder});
    }
    if (since_.empty() && last_ != kNone && last_ != id) {
      edges_.push_back({last_, id, EdgeKind::kOrder});
    }
    since_.clear();
    last_ = id;
  }

 private:
  std::vector<Edge>& edges_;
  OpId last_ = kNone;
  std::vector<OpId> since_;  // behind it, side by side
};

/// Operators that touch the same thing outside the graph keep the order of the net.
void add_effect_edges(const Graph& graph, std::vector<Edge>& edges) {
  std::map<std::string, Chain> on_resource;
  std::map<std::string, Chain> on_handle;
  for (OpId id = 0; id < static_cast<OpId>(graph.ops.size()); ++id) {
    const Op& op = graph.ops[id];
    for (const std::string& resource : effects_of(op)) {
      on_resource.try_emplace(resource, edges).first->second.add(id, /*together=*/false);
    }
    for (ValueId value : op.inputs) {
      if (!graph.values[value].handle) continue;
      on_handle.try_emplace(graph.values[value].name, edges)
          .first->second.add(id, is_ordered_by_ticket(op));
    }
  }
}

/// See is_dynamic_collective().
void add_dynamic_collective_edges(const Graph& graph, std::vector<Edge>& edges) {
  std::vector<OpId> before;
  for (OpId id = 0; id < static_cast<OpId>(graph.ops.size()); ++id) {
    const Op& op = graph.ops[id];
    if (!op.schema->is_collective()) continue;
    if (is_dynamic_collective(graph, op)) {
      for (OpId other : before) edges.push_back({other, id, EdgeKind::kOrder});
      before.clear();  // what comes later waits for this one, or need not wait for those
    }
    before.push_back(id);
  }
}

void add_control_edges(const Graph& graph, std::vector<Edge>& edges) {
  std::multimap<int, OpId> by_origin;
  for (OpId id = 0; id < static_cast<OpId>(graph.ops.size()); ++id) {
    by_origin.emplace(graph.ops[id].origin, id);
  }
  for (OpId id = 0; id < static_cast<OpId>(graph.ops.size()); ++id) {
    for (int origin : graph.ops[id].after) {
      auto [begin, end] = by_origin.equal_range(origin);
      for (auto part = begin; part != end; ++part) {
        // Between collectives this is what Caffe2's nets bound their number with: see above.
        if (is_ordered_by_ticket(graph.ops[id]) && is_ordered_by_ticket(graph.ops[part->second])) {
          continue;
        }
        edges.push_back({part->second, id, EdgeKind::kOrder});
      }
    }
  }
}

}  // namespace

std::vector<Edge> find_edges(const Graph& graph, const Interface& interface) {
  std::vector<Edge> edges;
  add_data_edges(graph, edges);
  add_state_edges(graph, interface, edges);
  add_effect_edges(graph, edges);
  add_control_edges(graph, edges);
  add_dynamic_collective_edges(graph, edges);
  return edges;
}

}  // namespace headrace::graph
