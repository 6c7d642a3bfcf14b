#pragma once

#include <algorithm>

#include "core/kernel.h"
#include "operators/image.h"
#include "operators/window.h"

namespace headrace {

/// Everything about a pool but its operands. Every window holds at least one pixel of the image.
struct PoolShape {
  Order order = Order::kNchw;
  ImageShape x;
  ImageShape y;
  Window window;
  bool count_pad = false;  // AveragePool: divide by the size of the kernel even at the edge
};

/// Declares the arguments of pools and of their gradients.
OpSchema& declare_pool(OpSchema& schema);

/// Throws Error where the arguments do not fit X.
PoolShape pool_shape(const Args& args, const Shape& x);

/// A half-open range of positions along an axis.
struct Span {
  int64_t begin;
  int64_t end;
  int64_t size() const { return end - begin; }
};

/// Pixels of the image that the window of output `o` covers.
inline Span covered_by(const PoolShape& shape, int axis, int64_t o) {
  const Window& window = shape.window;
  const int64_t start = o * window.stride[axis] - window.pad_begin[axis];
  return {std::max<int64_t>(start, 0), std::min(start + window.kernel[axis], shape.x.size[axis])};
}

/// Outputs whose windows cover pixel `i` of the image.
inline Span covering(const PoolShape& shape, int axis, int64_t i) {
  const Window& window = shape.window;
  const int64_t position = i + window.pad_begin[axis];
  if (position < 0) return {0, 0};
  const int64_t before = position - window.kernel[axis];
  return {before < 0 ? 0 : before / window.stride[axis] + 1,
          std::min(position / window.stride[axis] + 1, shape.y.size[axis])};
}

/// The number that AveragePool divides the sum over a window of these spans by.
inline int64_t average_count(const PoolShape& shape, Span d, Span h, Span w) {
  return shape.count_pad ? shape.window.taps() : d.size() * h.size() * w.size();
}

}  // namespace headrace
