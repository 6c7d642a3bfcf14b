#include <map>

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

/// Operators that touch the same thing outside the graph keep the order of the net.
void add_effect_edges(const Graph& graph, std::vector<Edge>& edges) {
  std::map<std::string, OpId> last_on_resource;
  std::map<std::string, OpId> last_on_handle;
  auto chain = [&](std::map<std::string, OpId>& last, const std::string& key, OpId id) {
    auto [found, fresh] = last.try_emplace(key, id);
    if (!fresh && found->second != id) edges.push_back({found->second, id, EdgeKind::kOrder});
    found->second = id;
  };
  for (OpId id = 0; id < static_cast<OpId>(graph.ops.size()); ++id) {
    const Op& op = graph.ops[id];
    for (const std::string& resource : effects_of(op)) chain(last_on_resource, resource, id);
    for (ValueId value : op.inputs) {
      if (graph.values[value].handle) chain(last_on_handle, graph.values[value].name, id);
    }
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
  return edges;
}

}  // namespace headrace::graph
