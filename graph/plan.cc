#include "graph/plan.h"

namespace headrace {
namespace {

using graph::kNone;
using graph::Storage;
using graph::ValueId;

std::string describe_value(const Plan& plan, ValueId id) {
  if (id == kNone) return "-";
  const graph::Place& place = plan.storage.places[id];
  const TensorDesc& desc = plan.descs[id];
  std::string text = plan.graph.values[id].name;
  if (desc.dtype != DType::kUndefined) text += ":" + desc.to_string();
  switch (place.storage) {
    case Storage::kNone:
      return text + " (unused)";
    case Storage::kArena: {
      const Device device = plan.storage.arenas[place.arena].device;
      return text +
             fmt::format(" @{}{}", device.is_cpu() ? "" : device.to_string() + "+", place.offset);
    }
    case Storage::kInput:
      return text + " (slot)";
    case Storage::kOutput:
      return text + " (output)";
    case Storage::kDynamic:
      return text + " (pool)";
    case Storage::kHandle:
      return text + " (handle)";
  }
  return text;
}

std::string describe_values(const Plan& plan, const std::vector<ValueId>& values) {
  std::string text;
  for (ValueId id : values) text += (text.empty() ? "" : ", ") + describe_value(plan, id);
  return text;
}

/// ", 25600 bytes over 'common_world' (4 ranks over tcp) by ring in messages of 4096; because ..."
std::string describe_collective(const Plan& plan, graph::OpId id) {
  const PlanNode::Collective& collective = plan.nodes[id].collective;
  const auto& group = plan.communicators[collective.group];
  std::string text = fmt::format(", {} bytes over '{}'", collective.bytes, group.name);
  if (group.communicator != nullptr) {
    text += fmt::format(" ({})", group.communicator->describe());
  }
  const CollectiveChoice& choice = collective.place.choice;
  if (choice.algorithm.empty()) return text;
  text += " by " + choice.algorithm;
  if (choice.segment > 0) text += fmt::format(" in messages of {} elements", choice.segment);
  if (!choice.reason.empty()) text += "; " + choice.reason;
  return text;
}

}  // namespace

std::string Plan::to_string() const {
  std::string text = fmt::format("plan of '{}': {} operators, {} threads{}", graph.name,
                                 nodes.size(), options.threads, options.serial ? " (serial)" : "");
  for (const graph::Arena& arena : storage.arenas) {
    text += fmt::format(", {} arena {} bytes", arena.device.to_string(), arena.placement.bytes);
  }
  text += '\n';
  for (size_t id = 0; id < nodes.size(); ++id) {
    const graph::Op& op = graph.ops[id];
    text += fmt::format("{}: {} = {}({}) width {}", id, describe_values(*this, op.outputs),
                        op.type(), describe_values(*this, op.inputs), nodes[id].width);
    if (!op.device.is_cpu()) text += " on " + op.device.to_string();
    if (nodes[id].packed_input != kNone) {
      text += fmt::format(" packs '{}'", interface.inputs[nodes[id].packed_input].name);
    }
    if (nodes[id].scratch_bytes > 0) text += fmt::format(" scratch {}", nodes[id].scratch_bytes);
    text += '\n';
  }
  for (size_t i = 0; i < tickets.size(); ++i) {
    text += fmt::format("ticket {}: operator {}{}\n", i, tickets[i],
                        describe_collective(*this, tickets[i]));
  }
  return text;
}

}  // namespace headrace
