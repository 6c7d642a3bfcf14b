#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/trace.h"
#include "graph/plan.h"

namespace headrace {

/// From begin to end, in ticks of any clock.
struct TimeSpan {
  uint64_t begin = 0;
  uint64_t end = 0;
};

/// Of the time that some span of one list covers: how much is also covered by the other list, and
/// how much is not.
struct Overlap {
  uint64_t hidden = 0;
  uint64_t exposed = 0;
};
Overlap overlap_of(std::vector<TimeSpan> communication, std::vector<TimeSpan> computation);

/// What communication cost in recorded runs, as one rank saw it. A collective takes from its start
/// to its end, which includes waiting for ranks that are late.
struct CommunicationTime {
  int64_t runs = 0;
  double seconds = 0;  // of these runs together
  double hidden = 0;   // seconds in which collectives were under way and this rank computed
  double exposed = 0;  // seconds in which they were, and nothing was there to be computed

  bool any() const { return hidden + exposed > 0; }
  double hidden_share() const { return any() ? hidden / (hidden + exposed) : 0; }  // of both
  double exposed_share() const { return seconds > 0 ? exposed / seconds : 0; }     // of the runs
};

/// Of the recorder's runs from `first` on; `plans[i]` is what run i executed.
CommunicationTime communication_time(const TraceRecorder& recorder,
                                     std::span<const std::shared_ptr<const Plan>> plans,
                                     int64_t first = 0);

}  // namespace headrace
