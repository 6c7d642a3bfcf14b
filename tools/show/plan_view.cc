#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/rng.h"
#include "tools/show/views.h"
#include "tools/text/table.h"
#include "tools/text/units.h"

namespace headrace::tools {
namespace {

using enum Table::Align;
using graph::Storage;

std::string place_text(const Plan& plan, graph::ValueId id) {
  const graph::Place& place = plan.storage.places[static_cast<size_t>(id)];
  switch (place.storage) {
    case Storage::kNone:
      return "unused";
    case Storage::kArena:
      return fmt::format("arena+{}", place.offset);
    case Storage::kInput:
      return "slot";
    case Storage::kOutput:
      return "output";
    case Storage::kDynamic:
      return "pool";
    case Storage::kHandle:
      return "handle";
  }
  return "?";
}

std::string outputs_text(const Plan& plan, const graph::Op& op) {
  std::vector<std::string> texts;
  for (const graph::ValueId id : op.outputs) {
    if (id == graph::kNone) {
      texts.emplace_back("-");
      continue;
    }
    const TensorDesc& desc = plan.descs[static_cast<size_t>(id)];
    texts.push_back(fmt::format("{} {} @{}", plan.graph.values[static_cast<size_t>(id)].name,
                                desc.dtype == DType::kUndefined ? "?" : desc.to_string(),
                                place_text(plan, id)));
  }
  return fmt::format("{}", fmt::join(texts, ", "));
}

std::string kind_text(NodeKind kind) {
  switch (kind) {
    case NodeKind::kInline:
      return "";
    case NodeKind::kAsync:
      return "asynchronous";
    case NodeKind::kBlocking:
      return "blocking";
  }
  return "?";
}

std::string node_table(const Plan& plan) {
  Table table({{"#", kRight},
               {"type"},
               {"name"},
               {"width", kRight},
               {"cost", kRight},
               {"MFLOP", kRight},
               {"scratch", kRight},
               {"rank", kRight},
               {"outputs"},
               {"notes"}});
  for (const int32_t node : plan.schedule.order) {
    const auto i = static_cast<size_t>(node);
    const graph::Op& op = plan.graph.ops[i];
    const PlanNode& planned = plan.nodes[i];
    std::vector<std::string> notes;
    if (!kind_text(plan.schedule.kinds[i]).empty())
      notes.push_back(kind_text(plan.schedule.kinds[i]));
    if (planned.writes_state) notes.emplace_back("writes state");
    if (planned.kernel == nullptr) notes.emplace_back("prepared during the run");
    if (planned.packed_input != graph::kNone) {
      notes.push_back("packs " +
                      plan.interface.inputs[static_cast<size_t>(planned.packed_input)].name);
    }
    table.add(
        {std::to_string(node), op.type(), op.name, std::to_string(planned.width),
         duration_text(planned.cost_ns * 1e-9), fmt::format("{:.3f}", planned.cost.flops / 1e6),
         planned.scratch_bytes > 0 ? bytes_text(static_cast<double>(planned.scratch_bytes)) : "",
         duration_text(plan.schedule.upward_rank[i] * 1e-9), outputs_text(plan, op),
         fmt::format("{}", fmt::join(notes, ", "))});
  }
  return table.to_string();
}

std::string bytes(size_t count) { return bytes_text(static_cast<double>(count)); }

std::string arena_text(const graph::Arena& arena) {
  const graph::Placement& placement = arena.placement;
  const double bound = static_cast<double>(placement.serial_bound);
  return fmt::format(
      "memory: arena {}{} for {} of {} together; live set of the serial order {}{}\n",
      bytes(placement.bytes), arena.device.is_cpu() ? "" : " on " + arena.device.to_string(),
      plural(
          std::ranges::count_if(arena.lifetimes, [](const auto& block) { return block.bytes > 0; }),
          "block"),
      bytes(placement.total), bytes(placement.serial_bound),
      bound > 0
          ? fmt::format(", arena {:.2f} times that", static_cast<double>(placement.bytes) / bound)
          : "");
}

std::string blocks_table(const graph::StoragePlan& storage) {
  Table table({{"block"},
               {"device"},
               {"bytes", kRight},
               {"offset", kRight},
               {"first user", kRight},
               {"last user", kRight}});
  for (const graph::Arena& arena : storage.arenas) {
    std::vector<size_t> order;
    for (size_t i = 0; i < arena.lifetimes.size(); ++i) {
      if (arena.lifetimes[i].bytes > 0) order.push_back(i);
    }
    std::ranges::stable_sort(order, {}, [&](size_t i) { return arena.placement.offsets[i]; });
    for (const size_t i : order) {
      const graph::Lifetime& block = arena.lifetimes[i];
      table.add({arena.names[i], arena.device.to_string(),
                 count_text(static_cast<int64_t>(block.bytes)),
                 count_text(static_cast<int64_t>(arena.placement.offsets[i])),
                 std::to_string(block.users.front()), std::to_string(block.users.back())});
    }
  }
  return table.empty() ? "" : "\n" + table.to_string();
}

std::string memory_text(const Plan& plan) {
  const graph::StoragePlan& storage = plan.storage;
  size_t state = 0;
  size_t inputs = 0;
  for (const auto& input : plan.interface.inputs) {
    (input.state ? state : inputs) += plan.descs[static_cast<size_t>(input.value)].bytes();
  }
  size_t outputs = 0;
  for (const auto& [name, id] : plan.interface.outputs) {
    const TensorDesc& desc = plan.descs[static_cast<size_t>(id)];
    if (desc.dtype != DType::kUndefined) outputs += desc.bytes();
  }
  std::string text;
  for (const graph::Arena& arena : storage.arenas) text += arena_text(arena);
  return text +
         fmt::format("        state {}, other inputs {}, outputs {}\n", bytes(state), bytes(inputs),
                     bytes(outputs)) +
         blocks_table(storage);
}

/// The collectives of each group in the order of their tickets; empty where there are none.
std::string collectives_text(const Plan& plan) {
  std::string text;
  for (size_t group = 0; group < plan.communicators.size(); ++group) {
    Table table({{"ticket", kRight},
                 {"#", kRight},
                 {"type"},
                 {"tensors", kRight},
                 {"bytes", kRight},
                 {"algorithm"},
                 {"segment", kRight},
                 {"name"},
                 {"why"}});
    size_t total = 0;
    int count = 0;
    for (const graph::OpId id : plan.tickets) {
      const PlanNode::Collective& collective = plan.nodes[static_cast<size_t>(id)].collective;
      if (collective.group != static_cast<int>(group)) continue;
      const graph::Op& op = plan.graph.ops[static_cast<size_t>(id)];
      const CollectiveChoice& choice = collective.place.choice;
      total += collective.bytes;
      ++count;
      table.add({std::to_string(collective.place.index), std::to_string(id), op.type(),
                 std::to_string(op.inputs.size() - 1),
                 count_text(static_cast<int64_t>(collective.bytes)),
                 choice.algorithm.empty() ? "chosen when connected" : choice.algorithm,
                 choice.segment > 0 ? count_text(static_cast<int64_t>(choice.segment)) : "",
                 op.name, choice.reason});
    }
    const auto& communicator = plan.communicators[group].communicator;
    text += fmt::format("\ncommunication in '{}'{}: {} in this order, {} per rank\n{}",
                        plan.communicators[group].name,
                        communicator == nullptr ? "" : " (" + communicator->describe() + ")",
                        plural(count, "collective"), bytes(total), table.to_string());
  }
  std::vector<std::string> copies;
  for (const graph::Op& op : plan.graph.ops) {
    if (op.type() != "Reorder") continue;
    const std::string& from = plan.graph.values[static_cast<size_t>(op.inputs[0])].name;
    const std::string& to = plan.graph.values[static_cast<size_t>(op.outputs[0])].name;
    if (to.ends_with(graph::kBucketSuffix)) copies.push_back(from + " (in)");
    if (from.ends_with(graph::kBucketSuffix)) copies.push_back(to + " (out)");
  }
  if (!copies.empty()) {
    text += fmt::format("copied into or out of their bucket: {}\n", fmt::join(copies, ", "));
  }
  return text;
}

}  // namespace

std::string plan_view(const Plan& plan) {
  const Schedule& schedule = plan.schedule;
  const double parallelism =
      schedule.critical_path_ns > 0 ? schedule.total_ns / schedule.critical_path_ns : 1;
  std::string text = fmt::format(
      "plan of '{}' for {}{}: {}, {}, {}; fingerprint {:016x}\n"
      "estimates: all operators {}, critical path {}, so at most {:.2f} of them side by side\n",
      plan.graph.name, plural(plan.options.threads, "thread"),
      plan.options.serial ? ", serial" : "", plural(schedule.node_count(), "operator"),
      plural(schedule.edge_count(), "edge"), plural(schedule.chain_count, "chain"),
      random_key(plan.to_string()), duration_text(schedule.total_ns * 1e-9),
      duration_text(schedule.critical_path_ns * 1e-9), parallelism);
  return text + '\n' + node_table(plan) + '\n' + memory_text(plan) + collectives_text(plan);
}

}  // namespace headrace::tools
