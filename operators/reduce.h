#pragma once

#include <array>
#include <cstdint>

#include "core/kernel.h"
#include "operators/parts.h"

namespace headrace {

/// Sums are taken over blocks of this many elements, and the block sums added in order, in double:
/// the result is the same at every width, and precise for any count.
inline constexpr int64_t kReduceBlock = 4096;

/// Scratch that block_sum() needs for `count` elements.
inline size_t reduce_scratch(int64_t count) {
  return static_cast<size_t>((count + kReduceBlock - 1) / kReduceBlock) * sizeof(double);
}

/// Sum of term(i) over [begin, end), in lanes side by side that a vector unit can keep.
template <typename T, typename Term>
double range_sum(int64_t begin, int64_t end, Term&& term) {
  constexpr int64_t kLanes = 32;
  std::array<T, kLanes> lanes{};
  int64_t i = begin;
  for (; i + kLanes <= end; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += term(i + lane);
  }
  double sum = 0;
  for (T lane : lanes) sum += double{lane};
  for (; i < end; ++i) sum += double{term(i)};
  return sum;
}

/// Sum of term(i) over [0, count). `scratch` has reduce_scratch(count) bytes.
template <typename T, typename Term>
double block_sum(int width, int64_t count, void* scratch, Term&& term) {
  if (count <= kReduceBlock) return range_sum<T>(0, count, term);
  auto* blocks = static_cast<double*>(scratch);
  for_parts(
      width, count,
      [&](int64_t begin, int64_t end) {
        for (int64_t at = begin; at < end; at += kReduceBlock) {
          blocks[at / kReduceBlock] = range_sum<T>(at, std::min(at + kReduceBlock, end), term);
        }
      },
      kReduceBlock);
  double sum = 0;
  for (int64_t at = 0; at < count; at += kReduceBlock) sum += blocks[at / kReduceBlock];
  return sum;
}

}  // namespace headrace
