#include "graph/communication_time.h"

#include <algorithm>

#include "core/error.h"

namespace headrace {
namespace {

/// Sorted, with spans that touch each other made one.
std::vector<TimeSpan> united(std::vector<TimeSpan> spans) {
  std::ranges::sort(spans, {}, &TimeSpan::begin);
  std::vector<TimeSpan> all;
  for (const TimeSpan& span : spans) {
    if (all.empty() || span.begin > all.back().end) {
      all.push_back(span);
    } else {
      all.back().end = std::max(all.back().end, span.end);
    }
  }
  return all;
}

uint64_t length_of(const std::vector<TimeSpan>& spans) {
  uint64_t length = 0;
  for (const TimeSpan& span : spans) length += span.end - span.begin;
  return length;
}

}  // namespace

Overlap overlap_of(std::vector<TimeSpan> communication, std::vector<TimeSpan> computation) {
  communication = united(std::move(communication));
  computation = united(std::move(computation));
  Overlap overlap;
  auto other = computation.begin();
  for (const TimeSpan& span : communication) {
    while (other != computation.end() && other->end <= span.begin) ++other;
    for (auto at = other; at != computation.end() && at->begin < span.end; ++at) {
      overlap.hidden += std::min(span.end, at->end) - std::max(span.begin, at->begin);
    }
  }
  overlap.exposed = length_of(communication) - overlap.hidden;
  return overlap;
}

CommunicationTime communication_time(const TraceRecorder& recorder,
                                     std::span<const std::shared_ptr<const Plan>> plans,
                                     int64_t first) {
  std::vector<TraceEvent> runs = recorder.runs();
  std::erase_if(runs, [&](const TraceEvent& run) { return run.node < first; });
  CommunicationTime time{.runs = static_cast<int64_t>(runs.size())};
  if (runs.empty()) return time;
  std::vector<TimeSpan> communication;
  std::vector<TimeSpan> computation;
  for (int worker = 0; worker < recorder.workers(); ++worker) {
    for (const TraceEvent& event : recorder.worker(worker).events()) {
      // Runs follow each other: an event belongs to the last one that had begun.
      const auto after = std::ranges::upper_bound(runs, event.begin, {}, &TraceEvent::begin);
      if (after == runs.begin()) continue;
      const TraceEvent& run = *(after - 1);
      if (event.begin > run.end) continue;
      require(static_cast<size_t>(run.node) < plans.size(), ErrorCode::kInternal,
              "run {} was recorded, {} plans are given", run.node, plans.size());
      const Plan& plan = *plans[static_cast<size_t>(run.node)];
      const bool collective =
          plan.graph.ops[static_cast<size_t>(event.node)].schema->is_collective();
      (collective ? communication : computation)
          .push_back({event.begin, std::min(event.end, run.end)});
    }
  }
  const double seconds_per_tick = recorder.calibrate().ns_per_tick * 1e-9;
  const auto seconds = [&](uint64_t ticks) {
    return static_cast<double>(ticks) * seconds_per_tick;
  };
  const Overlap overlap = overlap_of(std::move(communication), std::move(computation));
  for (const TraceEvent& run : runs) time.seconds += seconds(run.end - run.begin);
  time.hidden = seconds(overlap.hidden);
  time.exposed = seconds(overlap.exposed);
  return time;
}

}  // namespace headrace
