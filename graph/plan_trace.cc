#include "graph/plan_trace.h"

#include <algorithm>

#include "core/error.h"
#include "core/trace_export.h"

namespace headrace {
namespace {

/// "data float32 2x3x4x4, conv1_w float32 8x3x3x3".
std::string describe_operands(const Plan& plan, const std::vector<graph::ValueId>& ids) {
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
               {"inputs", describe_operands(plan, op.inputs)},
               {"outputs", describe_operands(plan, op.outputs)},
               {"MFLOP", planned.cost.flops / 1e6},
               {"MB", planned.cost.bytes / 1e6}};
  return text;
}

/// The plans of some runs, with the numbers of their nodes in a row.
class Programs {
 public:
  /// The plan of a run; what its nodes' numbers begin with.
  int add(const Plan& plan) {
    const auto known = std::ranges::find(programs_, &plan, &Program::plan);
    if (known != programs_.end()) return known->first;
    programs_.push_back({&plan, next_});
    next_ += static_cast<int>(plan.nodes.size());
    return programs_.back().first;
  }

  TraceNode describe(int number) const {
    const auto after = std::ranges::upper_bound(programs_, number, {}, &Program::first);
    const Program& program = *(after - 1);
    return describe_node(*program.plan, number - program.first);
  }

  std::vector<std::pair<int, int>> data_arrows() const {
    std::vector<std::pair<int, int>> arrows;
    for (const auto& [plan, first] : programs_) {
      for (const graph::Edge& edge : plan->edges) {
        if (edge.kind != graph::EdgeKind::kData) continue;
        arrows.emplace_back(first + edge.from, first + edge.to);
      }
    }
    return arrows;
  }

 private:
  struct Program {
    const Plan* plan;
    int first;
  };
  std::vector<Program> programs_;
  int next_ = 0;
};

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
  const std::int64_t first = std::max(first_whole_run(recorder, runs), end - options.runs);
  Programs programs;
  std::vector<int> first_node(static_cast<size_t>(end), 0);
  for (std::int64_t run = first; run < end; ++run) {
    const auto at = static_cast<size_t>(run);
    first_node[at] = programs.add(*plans[at]);
  }
  write_kineto_trace(path, recorder, [&](int node) { return programs.describe(node); },
                     {.rank = options.rank,
                      .world_size = options.world,
                      .name = options.process,
                      .arrows = programs.data_arrows(),
                      .first_node = std::move(first_node),
                      .first_run = first});
  return {.runs = end - first, .left_out = first};
}

}  // namespace headrace
