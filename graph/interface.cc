#include <algorithm>

#include "core/text.h"
#include "graph/passes.h"

namespace headrace::graph {
namespace {

/// All values of a name, first version first.
std::vector<ValueId> versions_of(const Graph& graph, std::string_view name) {
  std::vector<ValueId> versions;
  for (ValueId id = 0; id < static_cast<ValueId>(graph.values.size()); ++id) {
    if (graph.values[id].name == name) versions.push_back(id);
  }
  return versions;
}

bool same_types(const Graph& graph, const std::vector<ValueId>& versions) {
  const Value& first = graph.values[versions.front()];
  return std::ranges::all_of(versions, [&](ValueId id) {
    const Value& value = graph.values[id];
    return value.handle == first.handle &&
           (value.handle || (value.type.complete() && value.type == first.type));
  });
}

std::vector<std::string> known_names(const Graph& graph) {
  std::vector<std::string> names;
  for (const auto& [name, slot] : graph.slots) names.push_back(name);
  return names;
}

}  // namespace

bool Interface::is_state(std::string_view name) const {
  auto found = std::ranges::find(inputs, name, &Input::name);
  return found != inputs.end() && found->state;
}

Interface find_interface(const Graph& graph, const ReadableNames& readable) {
  Interface interface;
  for (const auto& [name, slot] : graph.slots) {
    if (slot.first == kNone) continue;
    bool written = slot.last != slot.first;
    bool state = written && same_types(graph, versions_of(graph, name));
    interface.inputs.push_back({name, slot.first, state});
    if (written && !state) interface.outputs[name] = slot.last;
  }
  auto keep = [&](const std::string& name) {
    ValueId value = graph.last(name);
    if (graph.values[value].producer != kNone && !interface.is_state(name)) {
      interface.outputs[name] = value;
    }
  };
  for (const std::string& name : graph.external_outputs) {
    if (graph.slots.contains(name)) keep(name);
  }
  for (const std::string& name : readable.names) {
    if (!graph.slots.contains(name)) {
      fail(ErrorCode::kNotFound, "net '{}' has no blob '{}'{}", graph.name, name,
           did_you_mean(name, known_names(graph)));
    }
    keep(name);
  }
  for (const auto& [name, slot] : graph.slots) {
    bool unread = graph.values[slot.last].consumers.empty();
    if (readable.all || (graph.external_outputs.empty() && unread)) keep(name);
  }
  return interface;
}

}  // namespace headrace::graph
