#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "core/kernel.h"
#include "core/thread_pool.h"
#include "operators/channels.h"
#include "operators/scratch.h"

namespace headrace {

/// Arguments of LRN: scale = bias + factor * sum of squares over `below` channels before the
/// element, itself, and `above` channels after it.
struct LrnWindow {
  int64_t below = 0;
  int64_t above = 0;
  double factor = 0;  // alpha / size
  double beta = 0;
  double bias = 1;
  int64_t size() const { return below + 1 + above; }
};

/// Declares the arguments of LRN and of its gradient.
OpSchema& declare_lrn(OpSchema& schema);
LrnWindow lrn_window(const Args& args);

/// Some pixels of an image with all their channels, `lanes` of them side by side: a single pixel
/// where its channels are neighbours in memory, else up to kLanes neighbouring pixels.
struct LrnStrip {
  static constexpr int64_t kLanes = 16;

  int64_t first;   // position of channel 0 of the first pixel
  int64_t stride;  // from a channel to the next
  int64_t channels;
  int64_t lanes;

  int64_t count() const { return channels * lanes; }

  /// Calls f(position, i) for all elements; i counts them in strip order, channels outermost.
  template <typename F>
  void for_each(F f) const {
    if (stride == lanes) {
      for (int64_t i = 0; i < count(); ++i) f(first + i, i);
      return;
    }
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t lane = 0; lane < lanes; ++lane) f(first + c * stride + lane, c * lanes + lane);
    }
  }
};

/// Cuts an image into strips and runs them in parallel, each part with buffers of its own.
template <typename T>
class LrnStrips {
 public:
  LrnStrips() = default;
  /// `buffers` buffers of a strip with room for a window of `size` channels beyond its own.
  LrnStrips(const ChannelRows& rows, int width, int64_t size, int buffers)
      : rows_(rows), width_(width) {
    const int64_t lanes = rows.inner > 1 ? LrnStrip::kLanes : 1;
    elements_ = (rows.channels + size) * lanes;
    ScratchLayout layout;
    layout.add(static_cast<size_t>(elements_ * buffers) * sizeof(T));
    part_bytes_ = layout.bytes();
  }

  size_t scratch_bytes() const { return part_bytes_ * static_cast<size_t>(width_); }

  /// Calls f(strip, buffers) for every strip; buffer i begins at buffers + i * elements() and holds
  /// anything.
  template <typename F>
  void run(void* scratch, F f) const {
    const int64_t per_row = (rows_.inner + LrnStrip::kLanes - 1) / LrnStrip::kLanes;
    parallel_for(width_, [&](int part) {
      T* buffers = ScratchLayout::at<T>(scratch, part_bytes_ * static_cast<size_t>(part));
      const auto [begin, end] = part_range(rows_.rows * per_row, width_, part);
      for (int64_t i = begin; i < end; ++i) {
        const int64_t row = i / per_row, pixel = i % per_row * LrnStrip::kLanes;
        f(LrnStrip{row * rows_.channels * rows_.inner + pixel, rows_.inner, rows_.channels,
                   std::min(LrnStrip::kLanes, rows_.inner - pixel)},
          buffers);
      }
    });
  }

  int64_t elements() const { return elements_; }

 private:
  ChannelRows rows_;
  int width_ = 1;
  int64_t elements_ = 0;
  size_t part_bytes_ = 0;
};

/// sums[i] = sum of `size` elements of `padded`, a strip apart by channels, from element i on.
template <typename T>
void sum_windows(const T* padded, const LrnStrip& strip, int64_t size, T* sums) {
  const int64_t count = strip.count();
  std::copy_n(padded, count, sums);
  for (int64_t d = 1; d < size; ++d) {
    const T* shifted = padded + d * strip.lanes;
    for (int64_t i = 0; i < count; ++i) sums[i] += shifted[i];
  }
}

/// Calls f with a function that computes s^-beta; the usual values of beta need no logarithm.
template <typename T, typename F>
void with_power(double beta, F f) {
  if (beta == 0.75) return f([](T s) { return 1 / (std::sqrt(s) * std::sqrt(std::sqrt(s))); });
  if (beta == 0.5) return f([](T s) { return 1 / std::sqrt(s); });
  if (beta == 1) return f([](T s) { return 1 / s; });
  f([exponent = static_cast<T>(-beta)](T s) { return std::pow(s, exponent); });
}

}  // namespace headrace
