#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "bench/allreduce_parts/contender.h"

namespace headrace::bench {

/// What one size took, in seconds, seen by rank 0.
struct Measured {
  size_t bytes = 0;
  size_t calls = 0;
  double min = 0, p50 = 0, p99 = 0;
  double cpu = 0;               // of all ranks together, per call, when calls follow one another
  std::optional<bool> correct;  // every result, on every rank; nothing where nothing is summed
  std::string algorithm;
};

struct MeasureOptions {
  std::vector<size_t> sizes;  // bytes
  double seconds = 0.5;       // per size
  size_t most_calls = 20000;
};

/// Sums float32 vectors in place, one size after the other. Each call begins with fresh operands,
/// and its result is compared with the exact sum; neither is timed. Before long vectors ranks wait
/// for each other, because those that share a core would be timed making each other's operands.
std::vector<Measured> measure(Contender& contender, const MeasureOptions& options);

}  // namespace headrace::bench
