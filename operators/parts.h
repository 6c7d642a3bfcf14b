#pragma once

#include <algorithm>
#include <cstdint>

#include "core/thread_pool.h"

namespace headrace {

/// Calls f(begin, end) for `width` nearly equal parts of [0, count), cut at multiples of `grain`,
/// in parallel. What the parts are depends on these three numbers alone. The default grain keeps
/// them in different cache lines.
template <typename F>
void for_parts(int width, int64_t count, F&& f, int64_t grain = 64) {
  int64_t grains = (count + grain - 1) / grain;
  if (width == 1 || grains <= 1) {
    if (count > 0) f(int64_t{0}, count);
    return;
  }
  parallel_for(width, [&](int part) {
    auto [first, last] = part_range(grains, width, part);
    if (first < last) f(first * grain, std::min(last * grain, count));
  });
}

}  // namespace headrace
