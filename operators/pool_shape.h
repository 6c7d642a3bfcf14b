#pragma once

#include <algorithm>
#include <cstring>

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

/// Elements of a line that are worked on at a time: they stay in the first-level cache.
inline constexpr int64_t kTile = 512;

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

/// From this number of channels on, loops over the channels of a pixel pay; below it, the loops
/// themselves take longer than what they do, and blocks of a fixed size stay in registers.
constexpr int64_t kManyChannels = 32;

/// N elements side by side, or one: what the compiler computes with at once. (It does not find that
/// out by itself from loops of N rounds, which it unrolls.)
template <typename T, int N>
struct Block {
  typedef T Vector __attribute__((vector_size(N * sizeof(T))));

  // Not returned: that would be another calling convention where the CPU's registers are shorter.
  static void load(const T* from, Vector& block) { std::memcpy(&block, from, sizeof(block)); }
  static void store(const Vector& block, T* to) { std::memcpy(to, &block, sizeof(block)); }
};
template <typename T>
struct Block<T, 1> {
  using Vector = T;
  static void load(const T* from, T& block) { block = *from; }
  static void store(const T& block, T* to) { *to = block; }
};

/// Calls block.operator()<N>(first) for blocks of N = 8, 4, 2 or 1 that make up all channels.
template <int N = 8, typename F>
void for_channel_blocks(int64_t channels, F block, int64_t first = 0) {
  for (; first + N <= channels; first += N) block.template operator()<N>(first);
  if constexpr (N > 1) for_channel_blocks<N / 2>(channels, block, first);
}

}  // namespace headrace
