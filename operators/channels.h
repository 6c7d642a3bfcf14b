#pragma once

#include <cstdint>

#include "core/shape.h"
#include "operators/image.h"
#include "operators/parts.h"

namespace headrace {

/// How the elements of a tensor belong to channels: element i of channel c in row r stands at
/// (r * channels + c) * inner + i.
struct ChannelRows {
  int64_t rows = 0;  // images, or pixels of all images where the channels of a pixel are neighbours
  int64_t channels = 0;
  int64_t inner = 1;  // pixels of an image, or 1

  static ChannelRows of(const ImageShape& image, bool channels_last) {
    if (image.pixels() == 0) return {0, image.c, 1};
    if (channels_last) return {image.n * image.pixels(), image.c, 1};
    return {image.n, image.c, image.pixels()};
  }
  /// A tensor of any rank >= 2; `channels_last` says how its elements lie.
  static ChannelRows of(const Shape& shape, Order order, bool channels_last) {
    const int rank = shape.rank();
    if (order == Order::kNhwc) return {shape.product(0, rank - 1), shape[rank - 1], 1};
    const int64_t pixels = shape.product(2, rank);
    if (pixels == 0) return {0, shape[1], 1};
    if (channels_last) return {shape[0] * pixels, shape[1], 1};
    return {shape[0], shape[1], pixels};
  }

  /// Elements of one channel.
  int64_t per_channel() const { return rows * inner; }
  /// Position of element i of channel c, 0 <= i < per_channel().
  int64_t index(int64_t i, int64_t c) const {
    return (i / inner * channels + c) * inner + i % inner;
  }
};

/// Calls f(position, channel) for every element, in parallel. What f writes it writes at
/// `position`, and what it reads in an operand of this shape it reads there: the loops are
/// vectorised, and operands may be in place.
template <typename F>
void for_each_element(const ChannelRows& shape, int width, F f) {
  if (shape.inner > 1) {
    for_parts(
        width, shape.rows * shape.channels,
        [&, f](int64_t begin, int64_t end) {
          for (int64_t plane = begin; plane < end; ++plane) {
            const int64_t channel = plane % shape.channels, first = plane * shape.inner;
            const int64_t last = first + shape.inner;
#pragma GCC ivdep
            for (int64_t i = first; i < last; ++i) f(i, channel);
          }
        },
        1);
    return;
  }
  for_parts(
      width, shape.rows,
      [&, f](int64_t begin, int64_t end) {
        const int64_t channels = shape.channels;
        for (int64_t row = begin; row < end; ++row) {
          const int64_t first = row * channels;
#pragma GCC ivdep
          for (int64_t c = 0; c < channels; ++c) f(first + c, c);
        }
      },
      1);
}

}  // namespace headrace
