#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "operators/channels.h"
#include "operators/parts.h"

namespace headrace {

/// K sums per channel over all rows, in one pass over memory: float terms are added up in float
/// over short runs only, and the runs in double. The order of the additions follows from the shape
/// alone, so that the sums are bitwise the same at every width.
template <typename T, int K>
class ChannelSums {
 public:
  using Terms = std::array<T, K>;
  using Sums = std::array<double, K>;

  ChannelSums() = default;
  ChannelSums(const ChannelRows& shape, int width)
      : shape_(shape),
        width_(width),
        blocks_(shape.inner > 1 ? shape.rows
                                : std::clamp<int64_t>(shape.rows / kRun, 1, kMaxBlocks)) {}

  size_t scratch_bytes() const {
    return static_cast<size_t>(blocks_ * K * shape_.channels) * sizeof(double);
  }

  /// Adds up terms(element, channel) and hands each channel's sums to finish(channel, sums).
  template <typename TermsOf, typename Finish>
  void run(void* scratch, TermsOf terms, Finish finish) const {
    double* partial = static_cast<double*>(scratch);
    if (shape_.inner > 1) {
      for_parts(
          width_, shape_.rows * shape_.channels,
          [&](int64_t begin, int64_t end) {
            for (int64_t plane = begin; plane < end; ++plane) sum_plane(plane, partial, terms);
          },
          1);
    } else {
      for_parts(
          width_, blocks_,
          [&](int64_t begin, int64_t end) {
            for (int64_t block = begin; block < end; ++block) sum_block(block, partial, terms);
          },
          1);
    }
    for_parts(
        width_, shape_.channels,
        [&](int64_t begin, int64_t end) {
          for (int64_t c = begin; c < end; ++c) {
            Sums sums = {};
            for (int64_t block = 0; block < blocks_; ++block) {
              for (int k = 0; k < K; ++k) sums[k] += partial[index(block, k, c)];
            }
            finish(c, sums);
          }
        },
        kLanes);
  }

 private:
  static constexpr int64_t kRun = 64;        // terms added up in T before they become a double
  static constexpr int64_t kMaxBlocks = 64;  // parallelism of the summation
  static constexpr int kLanes = 16;
  static constexpr int64_t kTile =
      256;  // channels whose accumulators stay in the first-level cache

  int64_t index(int64_t block, int k, int64_t c) const {
    return (block * K + k) * shape_.channels + c;
  }

  /// Rows of one block, channels as neighbours.
  template <typename TermsOf>
  void sum_block(int64_t block, double* partial, TermsOf terms) const {
    const int64_t channels = shape_.channels;
    const int64_t first = shape_.rows * block / blocks_, last = shape_.rows * (block + 1) / blocks_;
    std::fill_n(partial + index(block, 0, 0), K * channels, 0.0);
    for (int64_t row = first; row < last; row += kRun) {
      const int64_t stop = std::min(row + kRun, last);
      for (int64_t tile = 0; tile < channels; tile += kTile) {
        const int64_t count = std::min(kTile, channels - tile);
        T sums[K][kTile] = {};
        int64_t r = row;
        for (; r + 4 <= stop; r += 4) add_rows<4>(r, tile, count, sums, terms);
        for (; r < stop; ++r) add_rows<1>(r, tile, count, sums, terms);
        for (int k = 0; k < K; ++k) {
          double* total = partial + index(block, k, tile);
          for (int64_t c = 0; c < count; ++c) total[c] += static_cast<double>(sums[k][c]);
        }
      }
    }
  }

  template <int Rows, typename TermsOf>
  void add_rows(int64_t row, int64_t tile, int64_t count, T (&sums)[K][kTile],
                TermsOf& terms) const {
    const int64_t channels = shape_.channels;
#pragma GCC ivdep
    for (int64_t c = 0; c < count; ++c) {
      Terms sum = terms(row * channels + tile + c, tile + c);
      for (int r = 1; r < Rows; ++r) {
        const Terms next = terms((row + r) * channels + tile + c, tile + c);
        for (int k = 0; k < K; ++k) sum[k] += next[k];
      }
      for (int k = 0; k < K; ++k) sums[k][c] += sum[k];
    }
  }

  /// One plane: the pixels of one channel of one image. Each image is a block.
  template <typename TermsOf>
  void sum_plane(int64_t plane, double* partial, TermsOf terms) const {
    const int64_t c = plane % shape_.channels, block = plane / shape_.channels;
    const int64_t first = plane * shape_.inner, last = first + shape_.inner;
    Sums total = {};
    int64_t i = first;
    while (i + kLanes <= last) {
      T sums[K][kLanes] = {};
      const int64_t runs = std::min((last - i) / kLanes, kRun);
      for (int64_t run = 0; run < runs; ++run, i += kLanes) {
        for (int lane = 0; lane < kLanes; ++lane) {
          const Terms term = terms(i + lane, c);
          for (int k = 0; k < K; ++k) sums[k][lane] += term[k];
        }
      }
      for (int k = 0; k < K; ++k) {
        for (T sum : sums[k]) total[k] += static_cast<double>(sum);
      }
    }
    for (; i < last; ++i) {
      const Terms term = terms(i, c);
      for (int k = 0; k < K; ++k) total[k] += static_cast<double>(term[k]);
    }
    for (int k = 0; k < K; ++k) partial[index(block, k, c)] = total[k];
  }

  ChannelRows shape_;
  int width_ = 1;
  int64_t blocks_ = 0;
};

}  // namespace headrace
