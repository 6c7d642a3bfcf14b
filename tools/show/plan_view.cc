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

std::string memory_text(const Plan& plan) {
  const graph::StoragePlan& storage = plan.storage;
  const auto bytes = [](size_t count) { return bytes_text(static_cast<double>(count)); };
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
  const double bound = static_cast<double>(storage.placement.serial_bound);
  std::string text = fmt::format(
      "memory: arena {} for {} of {} together; live set of the serial order {}{}\n"
      "        state {}, other inputs {}, outputs {}\n",
      bytes(storage.placement.bytes),
      plural(std::ranges::count_if(storage.lifetimes,
                                   [](const auto& block) { return block.bytes > 0; }),
             "block"),
      bytes(storage.placement.total), bytes(storage.placement.serial_bound),
      bound > 0 ? fmt::format(", arena {:.2f} times that",
                              static_cast<double>(storage.placement.bytes) / bound)
                : "",
      bytes(state), bytes(inputs), bytes(outputs));

  Table table({{"block"},
               {"bytes", kRight},
               {"offset", kRight},
               {"first user", kRight},
               {"last user", kRight}});
  std::vector<size_t> order;
  for (size_t i = 0; i < storage.lifetimes.size(); ++i) {
    if (storage.lifetimes[i].bytes > 0) order.push_back(i);
  }
  std::ranges::stable_sort(order, {}, [&](size_t i) { return storage.placement.offsets[i]; });
  for (const size_t i : order) {
    const graph::Lifetime& block = storage.lifetimes[i];
    table.add({storage.names[i], count_text(static_cast<int64_t>(block.bytes)),
               count_text(static_cast<int64_t>(storage.placement.offsets[i])),
               std::to_string(block.users.front()), std::to_string(block.users.back())});
  }
  return text + (table.empty() ? "" : "\n" + table.to_string());
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
  return text + '\n' + node_table(plan) + '\n' + memory_text(plan);
}

}  // namespace headrace::tools
