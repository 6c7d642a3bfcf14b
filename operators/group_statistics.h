#pragma once

#include <cmath>
#include <cstdint>

#include "operators/channel_sums.h"
#include "operators/parts.h"
#include "operators/reduce.h"

/// What InstanceNorm, GroupNorm and LayerNorm share: elements of a sample, in groups that are
/// brought to mean 0 and variance 1, then scaled and shifted per channel.
namespace headrace {

struct GroupShape {
  int64_t samples = 0;
  int64_t groups = 1;    // of a sample
  int64_t channels = 0;  // of a group
  int64_t pixels = 1;    // of a channel
  bool channels_last = false;

  int64_t statistics() const { return samples * groups; }
  int64_t members() const { return channels * pixels; }

  /// A group's elements are rows() runs of row_length() neighbours.
  int64_t rows() const { return channels_last ? pixels : channels; }
  int64_t row_length() const { return channels_last ? channels : pixels; }
  int64_t row_start(int64_t group, int64_t row) const {
    const int64_t sample = group / groups, g = group % groups;
    if (channels_last) return ((sample * pixels + row) * groups + g) * channels;
    return ((sample * groups + g) * channels + row) * pixels;
  }
  /// The channel, among all of the sample's, of element i of a row.
  int64_t channel(int64_t group, int64_t row, int64_t i) const {
    return group % groups * channels + (channels_last ? i : row);
  }
  ChannelRows channel_rows() const {
    const int64_t all = groups * channels;
    if (pixels == 0) return {0, all, 1};
    return channels_last ? ChannelRows{samples * pixels, all, 1}
                         : ChannelRows{samples, all, pixels};
  }
};

/// The sum of term(position, row, i) over a group.
template <typename T, typename Term>
double group_sum(const GroupShape& shape, int64_t group, Term term) {
  double sum = 0;
  for (int64_t row = 0; row < shape.rows(); ++row) {
    const int64_t start = shape.row_start(group, row);
    for (int64_t at = 0; at < shape.row_length(); at += kReduceBlock) {
      sum += range_sum<T>(at, std::min(at + kReduceBlock, shape.row_length()),
                          [&](int64_t i) { return term(start + i, row, i); });
    }
  }
  return sum;
}

/// f(position, row, i) for all elements of a group.
template <typename F>
void for_group(const GroupShape& shape, int64_t group, F f) {
  for (int64_t row = 0; row < shape.rows(); ++row) {
    const int64_t start = shape.row_start(group, row);
    for (int64_t i = 0; i < shape.row_length(); ++i) f(start + i, row, i);
  }
}

struct GroupMoments {
  double mean = 0;
  double variance = 0;  // biased
};

template <typename T>
GroupMoments group_moments(const GroupShape& shape, int64_t group, const T* x) {
  if (shape.members() == 0) return {};
  const double count = static_cast<double>(shape.members());
  const double mean =
      group_sum<T>(shape, group, [x](int64_t at, int64_t, int64_t) { return x[at]; }) / count;
  const T center = static_cast<T>(mean);
  auto square = [=](int64_t at, int64_t, int64_t) { return (x[at] - center) * (x[at] - center); };
  const double off = mean - static_cast<double>(center);
  return {mean, std::max(0.0, group_sum<T>(shape, group, square) / count - off * off)};
}

/// y = (x - mean) / sqrt(variance + epsilon) * gamma + beta; without gamma and beta (null) these
/// are 1 and 0. Hands the moments of each group to keep(group, moments).
template <typename T, typename Keep>
void normalize_groups(const GroupShape& shape, int width, double epsilon, const T* x,
                      const T* gamma, const T* beta, T* y, Keep keep) {
  for_parts(
      width, shape.statistics(),
      [&](int64_t begin, int64_t end) {
        for (int64_t group = begin; group < end; ++group) {
          const GroupMoments moments = group_moments(shape, group, x);
          keep(group, moments);
          if (y == nullptr) continue;
          const T mean = static_cast<T>(moments.mean);
          const T factor = static_cast<T>(1 / std::sqrt(moments.variance + epsilon));
          for_group(shape, group, [&](int64_t at, int64_t row, int64_t i) {
            const T value = (x[at] - mean) * factor;
            const int64_t c = shape.channel(group, row, i);
            y[at] = gamma == nullptr ? value : value * gamma[c] + beta[c];
          });
        }
      },
      /*grain=*/1);
}

/// The gradients, from the mean and 1 / deviation of each group. Outputs that are null are left
/// out; `scratch` has ChannelSums<T, 2>::scratch_bytes() for the channel_rows().
template <typename T>
void normalize_groups_gradient(const GroupShape& shape, int width, void* scratch, const T* x,
                               const T* dy, const T* gamma, const T* means, const T* inverses,
                               T* dx, T* dgamma, T* dbeta) {
  if (dgamma != nullptr || dbeta != nullptr) {
    const int64_t per_sample = std::max<int64_t>(1, shape.groups * shape.members());
    ChannelSums<T, 2>(shape.channel_rows(), width)
        .run(
            scratch,
            [&](int64_t at, int64_t c) {
              const int64_t group = at / per_sample * shape.groups + c / shape.channels;
              const T normal = (x[at] - means[group]) * inverses[group];
              return std::array<T, 2>{dy[at] * normal, dy[at]};
            },
            [&](int64_t c, const auto& sums) {
              if (dgamma != nullptr) dgamma[c] = static_cast<T>(sums[0]);
              if (dbeta != nullptr) dbeta[c] = static_cast<T>(sums[1]);
            });
  }
  if (dx == nullptr) return;
  for_parts(
      width, shape.statistics(),
      [&](int64_t begin, int64_t end) {
        for (int64_t group = begin; group < end; ++group) {
          const T mean = means[group], inverse = inverses[group];
          auto scaled = [&](int64_t at, int64_t row, int64_t i) {
            return gamma == nullptr ? dy[at] : dy[at] * gamma[shape.channel(group, row, i)];
          };
          const double count = static_cast<double>(std::max<int64_t>(1, shape.members()));
          const T shift = static_cast<T>(group_sum<T>(shape, group, scaled) / count);
          auto along = [&](int64_t at, int64_t row, int64_t i) {
            return scaled(at, row, i) * ((x[at] - mean) * inverse);
          };
          const T tilt = static_cast<T>(group_sum<T>(shape, group, along) / count);
          for_group(shape, group, [&](int64_t at, int64_t row, int64_t i) {
            const T normal = (x[at] - mean) * inverse;
            dx[at] = inverse * (scaled(at, row, i) - shift - normal * tilt);
          });
        }
      },
      /*grain=*/1);
}

}  // namespace headrace
