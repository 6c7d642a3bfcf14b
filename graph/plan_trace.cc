#include "graph/plan_trace.h"

#include <algorithm>

#include "core/error.h"
#include "core/trace_export.h"

namespace headrace {
namespace {

/// "data float32 2x3x4x4, conv1_w float32 8x3x3x3".
std::string describe_values(const Plan& plan, const std::vector<graph::ValueId>& ids) {
  std::string list;
  for (const graph::ValueId id : ids) {
    if (id == graph::kNone) continue;
    const TensorDesc& desc = plan.descs[static_cast<size_t>(id)];
    if (!list.empty()) list += ", ";
    list += plan.graph.values[static_cast<size_t>(id)].name;
    if (desc.dtype != DType::kUndefined) list += " " + desc.to_string();
  }
  return list;
}

TraceNode describe_node(const Plan& plan, int node) {
  const graph::Op& op = plan.graph.ops[static_cast<size_t>(node)];
  const PlanNode& planned = plan.nodes[static_cast<size_t>(node)];
  TraceNode text{.name = op.name.empty() ? op.type() : op.type() + " " + op.name};
  text.args = {{"type", op.type()},
               {"position", std::int64_t{op.position}},
               {"width", std::int64_t{planned.width}},
               {"inputs", describe_values(plan, op.inputs)},
               {"outputs", describe_values(plan, op.outputs)},
               {"MFLOP", planned.cost.flops / 1e6},
               {"MB", planned.cost.bytes / 1e6}};
  return text;
}

std::vector<std::pair<int, int>> data_arrows(const Plan& plan) {
  std::vector<std::pair<int, int>> arrows;
  for (const graph::Edge& edge : plan.edges) {
    if (edge.kind == graph::EdgeKind::kData) arrows.emplace_back(edge.from, edge.to);
  }
  return arrows;
}

/// The first of the recorded runs of which every event is still there.
std::int64_t first_whole_run(const TraceRecorder& recorder, const std::vector<TraceEvent>& runs) {
  std::uint64_t complete_from = 0;
  for (int worker = 0; worker < recorder.workers(); ++worker) {
    const TraceRing& ring = recorder.worker(worker);
    if (ring.dropped() > 0) complete_from = std::max(complete_from, ring.events().front().begin);
  }
  const auto whole =
      std::ranges::find_if(runs, [&](const TraceEvent& run) { return run.begin >= complete_from; });
  return whole == runs.end() ? runs.back().node + 1 : whole->node;
}

}  // namespace

PlanTraceSummary write_plan_trace(const std::filesystem::path& path, const TraceRecorder& recorder,
                                  std::span<const std::shared_ptr<const Plan>> plans,
                                  const PlanTraceOptions& options) {
  const std::vector<TraceEvent> runs = recorder.runs();
  require(!runs.empty(), ErrorCode::kState, "there is no timeline: nothing has been run");
  const std::int64_t end = runs.back().node + 1;
  require(end <= static_cast<std::int64_t>(plans.size()), ErrorCode::kInternal,
          "{} runs were recorded, {} plans are given for them", end, plans.size());
  const Plan& plan = *plans[static_cast<size_t>(end - 1)];
  std::int64_t first = end;
  while (first > 0 && plans[static_cast<size_t>(first - 1)].get() == &plan) --first;
  first = std::max({first, first_whole_run(recorder, runs), end - options.runs});

  write_kineto_trace(path, recorder, [&plan](int node) { return describe_node(plan, node); },
                     {.rank = options.rank,
                      .world_size = options.world,
                      .name = options.process,
                      .arrows = data_arrows(plan),
                      .first_run = first});
  return {.runs = end - first, .left_out = first};
}

}  // namespace headrace
