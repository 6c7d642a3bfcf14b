#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "comm/schedule/schedule.h"

namespace headrace::comm {

/// A value that remembers what was done to it.
struct Element {
  uint64_t sum = 0;   // of one random number per rank: equal only if each was added exactly once
  uint64_t tree = 0;  // hash of the order of all reductions and of their operands
  float value = 0;    // what a gradient would be
  bool operator==(const Element&) const = default;
};

/// What rank `rank` has at `index` before a collective.
Element element_of(int rank, size_t index);

/// What things take: a message of n elements alpha + beta n, its reduction gamma n. As it stands,
/// the time is the number of steps of the literature.
struct Timing {
  double alpha = 1;
  double beta = 0;
  double gamma = 0;
};

struct Outcome {
  std::string error;                       // empty: all ranks came to their end
  std::vector<std::vector<Element>> data;  // of each rank
  /// Until the last rank has finished, when a rank sends one message at a time, receives one at a
  /// time, and reduces meanwhile.
  double time = 0;
};

/// Runs the schedules of all ranks. Each direction of each pair is a queue of kMessagesInFlight
/// messages: sends wait for room in it, receives for a message. A message is a view of its sender's
/// buffer, read when it is received, and a step that would overwrite it waits. `data` is what the
/// ranks have; their input, where a schedule has one, holds the same.
Outcome simulate(const std::vector<Schedule>& schedules, std::vector<std::vector<Element>> data,
                 const Timing& timing = {});

}  // namespace headrace::comm
