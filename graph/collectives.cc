#include "graph/collectives.h"

#include <algorithm>

#include "core/error.h"
#include "graph/buckets.h"
#include "graph/plan.h"

namespace headrace::graph {

CollectiveGroups::CollectiveGroups(const Graph& graph, const Worlds& worlds)
    : of_value_(graph.values.size(), kNone) {
  for (const Op& op : graph.ops) {
    if (op.schema->is_collective()) group_of_value(graph, worlds, op.inputs.front());
  }
}

int CollectiveGroups::group_of_value(const Graph& graph, const Worlds& worlds, ValueId handle) {
  if (of_value_[handle] != kNone) return of_value_[handle];
  const Value& value = graph.values[handle];
  int group = kNone;
  if (value.producer == kNone) {
    const auto known = worlds.find(value.name);
    const auto communicator = known == worlds.end() ? nullptr : known->second;
    const auto same = std::ranges::find_if(groups_, [&](const Group& other) {
      return communicator != nullptr && other.communicator == communicator;
    });
    group = same == groups_.end() ? add(value.name, communicator)
                                  : static_cast<int>(same - groups_.begin());
  } else if (const Op& producer = graph.ops[value.producer];
             producer.type() == "CloneCommonWorld") {
    group = group_of_value(graph, worlds, producer.inputs.front());
  } else {
    group = add(value.name, nullptr);
  }
  return of_value_[handle] = group;
}

int CollectiveGroups::add(std::string name, std::shared_ptr<Communicator> communicator) {
  groups_.push_back({std::move(name), std::move(communicator)});
  return static_cast<int>(groups_.size()) - 1;
}

int CollectiveGroups::of(const Op& op) const {
  return op.schema->is_collective() ? of_value_[op.inputs.front()] : kNone;
}

bool is_dynamic_collective(const Graph& graph, const Op& op) {
  if (!op.schema->is_collective()) return false;
  auto unknown = [&](ValueId id) {
    return id != kNone && !graph.values[id].handle && !graph.values[id].type.complete();
  };
  return std::ranges::any_of(op.inputs, unknown) || std::ranges::any_of(op.outputs, unknown);
}

namespace {

/// What goes from rank to rank.
struct Payload {
  size_t count = 0;          // elements
  size_t element_bytes = 0;  // 0: not known before the run
};

Payload payload_of(const Plan& plan, const Op& op) {
  if (op.inputs.size() < 2) return {};
  const TensorDesc& desc = plan.descs[op.inputs[1]];
  const size_t element_bytes = size_of(desc.dtype);
  if (op.type() == kBucketType) {
    return {bucket_layout(plan.graph, op).bytes / element_bytes, element_bytes};
  }
  return {static_cast<size_t>(desc.shape.numel()), element_bytes};
}

}  // namespace

void place_collectives(Plan& plan) {
  const CollectiveGroups groups(plan.graph, plan.options.worlds);
  std::vector<int> counts(groups.groups().size(), 0);
  for (OpId id : plan.schedule.order) {
    const int group = groups.of(plan.graph.ops[id]);
    if (group == kNone) continue;
    plan.tickets.push_back(id);
    plan.nodes[id].collective = {.group = group, .place = {.index = counts[group]++}};
  }
  for (const CollectiveGroups::Group& group : groups.groups()) {
    plan.communicators.push_back({group.name, group.communicator});
  }
  for (OpId id : plan.tickets) {
    PlanNode::Collective& collective = plan.nodes[id].collective;
    collective.place.count = counts[collective.group];
    const std::shared_ptr<Communicator>& communicator =
        plan.communicators[collective.group].communicator;
    const Op& op = plan.graph.ops[id];
    const Payload payload = payload_of(plan, op);
    collective.bytes = payload.count * payload.element_bytes;
    if (communicator == nullptr || payload.element_bytes == 0) continue;
    collective.place.choice = communicator->choose(op.type(), payload.count, payload.element_bytes);
  }
}

std::string describe_collectives(const Plan& plan, int group) {
  std::string text;
  for (OpId id : plan.tickets) {
    const PlanNode::Collective& collective = plan.nodes[id].collective;
    if (collective.group != group) continue;
    const Op& op = plan.graph.ops[id];
    const CollectiveChoice& choice = collective.place.choice;
    text += fmt::format("{} '{}'", op.type(), op.name);
    for (size_t i = 1; i < op.inputs.size(); ++i) {
      const TensorDesc& desc = plan.descs[op.inputs[i]];
      text += fmt::format(
          "{} {} {}", i == 1 ? " of" : ",", plan.graph.values[op.inputs[i]].name,
          desc.dtype == DType::kUndefined ? "of a shape known later" : desc.to_string());
    }
    if (!choice.algorithm.empty()) {
      text += fmt::format(", {} in messages of {}", choice.algorithm, choice.segment);
    }
    // Roots and whatever else the operator says.
    for (const ArgSpec& arg : op.schema->args()) {
      if (arg.kind == ArgKind::kInt) {
        text += fmt::format(", {} {}", arg.name, op.args().integer(arg.name));
      }
    }
    text += '\n';
  }
  return text;
}

}  // namespace headrace::graph
