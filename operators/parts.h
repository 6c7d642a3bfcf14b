#pragma once

#include <algorithm>
#include <cstdint>

#include "core/thread_pool.h"

namespace headrace {

/// The half-open range of part `part` of `count` elements cut into `width` parts, at multiples of
/// `grain` elements. Depends on its arguments alone.
struct Range {
  int64_t begin;
  int64_t end;
};
inline Range part_of(int64_t count, int width, int part, int64_t grain) {
  int64_t grains = (count + grain - 1) / grain;
  auto edge = [&](int64_t p) { return std::min(grains * p / width * grain, count); };
  return {edge(part), edge(part + 1)};
}

/// Calls f(begin, end) for each non-empty part of [0, count), in parallel where there are several.
/// The default grain keeps parts in different cache lines.
template <typename F>
void for_parts(int width, int64_t count, F&& f, int64_t grain = 64) {
  parallel_for(width, [&](int part) {
    Range range = part_of(count, width, part, grain);
    if (range.begin < range.end) f(range.begin, range.end);
  });
}

}  // namespace headrace
