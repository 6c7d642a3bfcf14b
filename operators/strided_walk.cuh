#pragma once

#include <cstdint>

#include "operators/broadcast.h"

namespace headrace {

/// Some axes of a StridedLoop, as a parameter of a kernel: the place of a step in the walked tensor
/// and in the operands.
struct StridedWalk {
  static constexpr int kOperands = StridedLoop::kMaxOperands;
  int rank = 0;
  int64_t count = 1;  // steps
  int64_t sizes[Shape::kMaxRank] = {};
  int64_t strides[kOperands + 1][Shape::kMaxRank] = {};  // of the walked tensor, then the operands

  struct Place {
    int64_t walked;
    int64_t operand[kOperands];
  };

  /// Step number `step`, counted with the last axis fastest. The division is done in 32 bits where
  /// that is enough: in 64 it costs more than the memory access.
  __device__ Place place(int64_t step) const {
    Place place{};
    const bool small = count <= INT32_MAX;
    for (int axis = rank - 1; axis >= 0; --axis) {
      int64_t index;
      if (axis == 0) {
        index = step;
      } else if (small) {
        const auto narrow = static_cast<uint32_t>(step);
        const auto size = static_cast<uint32_t>(sizes[axis]);
        index = narrow % size;
        step = narrow / size;
      } else {
        index = step % sizes[axis];
        step /= sizes[axis];
      }
      place.walked += index * strides[0][axis];
      for (int k = 0; k < kOperands; ++k) place.operand[k] += index * strides[k + 1][axis];
    }
    return place;
  }
};

/// The axes of a loop that `wanted(axis)` takes, outermost first.
template <typename Wanted>
StridedWalk walk_of(const StridedLoop& loop, Wanted&& wanted) {
  StridedWalk walk;
  int64_t inner = loop.numel();
  for (int axis = 0; axis < loop.rank(); ++axis) {
    if (loop.size(axis) > 0) inner /= loop.size(axis);
    if (!wanted(axis)) continue;
    walk.sizes[walk.rank] = loop.size(axis);
    walk.strides[0][walk.rank] = inner;
    for (int k = 0; k < loop.operands(); ++k) {
      walk.strides[k + 1][walk.rank] = loop.stride(k, axis);
    }
    walk.count *= loop.size(axis);
    ++walk.rank;
  }
  return walk;
}

inline StridedWalk whole_walk(const StridedLoop& loop) {
  return walk_of(loop, [](int) { return true; });
}

}  // namespace headrace
