#include "tools/profile.h"

#include <algorithm>
#include <map>

#include "core/error.h"
#include "tools/text/statistics.h"

namespace headrace::tools {
namespace {

/// Seconds of each node in each of the runs.
std::vector<std::vector<double>> times_of_nodes(const TraceRecorder& recorder,
                                                const std::vector<TraceEvent>& runs, size_t nodes,
                                                double seconds_per_tick) {
  std::vector<std::vector<double>> times(nodes);
  for (int worker = 0; worker < recorder.workers(); ++worker) {
    for (const TraceEvent& event : recorder.worker(worker).events()) {
      const bool inside = std::ranges::any_of(runs, [&](const TraceEvent& run) {
        return run.begin <= event.begin && event.begin <= run.end;
      });
      if (!inside) continue;
      times[static_cast<size_t>(event.node)].push_back(
          static_cast<double>(event.end - event.begin) * seconds_per_tick);
    }
  }
  return times;
}

std::vector<TypeTime> sum_by_type(const std::vector<OperatorTime>& operators) {
  std::map<std::string, TypeTime> sums;
  for (const OperatorTime& op : operators) {
    TypeTime& sum = sums[op.type];
    sum.type = op.type;
    ++sum.count;
    sum.cost.flops += op.cost.flops;
    sum.cost.bytes += op.cost.bytes;
    sum.seconds += op.seconds;
  }
  std::vector<TypeTime> types;
  for (auto& [type, sum] : sums) types.push_back(std::move(sum));
  std::ranges::sort(types, std::greater{}, &TypeTime::seconds);
  return types;
}

}  // namespace

Profile profile_of(const TraceRecorder& recorder,
                   std::span<const std::shared_ptr<const Plan>> plans) {
  const double seconds_per_tick = recorder.calibrate().ns_per_tick * 1e-9;
  std::vector<TraceEvent> runs = recorder.runs();
  require(!runs.empty() && !plans.empty(), ErrorCode::kInternal, "no run was recorded");
  const Plan& plan = *plans.back();
  std::erase_if(runs, [&](const TraceEvent& run) {
    return plans[static_cast<size_t>(run.node)].get() != &plan;
  });

  const auto times = times_of_nodes(recorder, runs, plan.nodes.size(), seconds_per_tick);
  Profile profile{.runs = static_cast<int>(runs.size())};
  for (size_t node = 0; node < times.size(); ++node) {
    const graph::Op& op = plan.graph.ops[node];
    const PlanNode& planned = plan.nodes[node];
    profile.operators.push_back({.node = static_cast<int>(node),
                                 .type = op.type(),
                                 .name = op.name,
                                 .width = planned.width,
                                 .cost = planned.cost,
                                 .seconds = times[node].empty() ? 0 : median_of(times[node])});
    profile.operator_seconds += profile.operators.back().seconds;
  }
  profile.types = sum_by_type(profile.operators);
  std::vector<double> lengths;
  for (const TraceEvent& run : runs) {
    lengths.push_back(static_cast<double>(run.end - run.begin) * seconds_per_tick);
  }
  profile.run_seconds = median_of(lengths);
  return profile;
}

}  // namespace headrace::tools
