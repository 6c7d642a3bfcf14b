#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "operators/broadcast.h"
#include "operators/dispatch.h"
#include "operators/parts.h"
#include "operators/reduce.h"
#include "operators/vector_math.h"

/// Reductions of a tensor over some of its axes, and the way back for their gradients.
namespace headrace {

/// Which axes go.
using AxisMask = std::array<bool, Shape::kMaxRank>;

/// A plain tensor X and its reduction Y, whose elements lie in the order of the axes that stay.
class Reduction {
 public:
  Reduction(const TensorDesc& x, const AxisMask& reduced)
      : loop_(x, std::array<Strides, 1>{strides(x.shape, reduced)}) {
    for (int axis = 0; axis < x.shape.rank(); ++axis) {
      (reduced[axis] ? terms_ : results_) *= x.shape[axis];
    }
  }

  /// Elements of Y, and elements of X for each.
  int64_t results() const { return results_; }
  int64_t terms() const { return terms_; }

  /// y[k] = combine of `start` and all x that belong to it, in the order of memory, in parallel.
  /// Runs of neighbours that belong together become one value by run(x, count) first.
  template <typename T, typename Acc, typename Run, typename Combine>
  void reduce(int width, const T* x, Acc* y, Acc start, Run run, Combine combine) const {
    std::fill_n(y, results_, start);
    if (results_ == 0 || terms_ == 0) return;
    const int64_t stride = loop_.inner_stride(0);
    for_parts(
        width, loop_.divisible(0),
        [&](int64_t begin, int64_t end) {
          loop_.run_divided(0, begin, end, [&](int64_t at, const auto& offsets, int64_t length) {
            const T* from = x + at;
            Acc* to = y + offsets[0];
            if (stride == 0) {
              for (int64_t i = 0; i < length; i += kReduceBlock) {
                *to = combine(*to, run(from + i, std::min(kReduceBlock, length - i)));
              }
              return;
            }
            for (int64_t i = 0; i < length; ++i) {
              to[i * stride] = combine(to[i * stride], static_cast<Acc>(from[i]));
            }
          });
        },
        /*grain=*/1);
  }

  /// f(position in X, position in Y) for every element of X, in parallel.
  template <typename F>
  void for_each(int width, F f) const {
    const int64_t stride = loop_.inner_stride(0);
    for_parts(width, loop_.numel(), [&](int64_t begin, int64_t end) {
      loop_.run(begin, end, [&](int64_t at, const auto& offsets, int64_t length) {
        for (int64_t i = 0; i < length; ++i) f(at + i, offsets[0] + i * stride);
      });
    });
  }

 private:
  static Strides strides(const Shape& shape, const AxisMask& reduced) {
    Strides result{};
    int64_t stride = 1;
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      if (reduced[axis]) continue;
      result[axis] = stride;
      stride *= shape[axis];
    }
    return result;
  }

  StridedLoop loop_;
  int64_t results_ = 1;
  int64_t terms_ = 1;
};

/// What sums are added up in: floating ones in double, integers modulo 2^64.
template <typename T>
using SumOf = std::conditional_t<std::is_floating_point_v<T>, double, uint64_t>;

/// y = the sums times... for means, divided by the number of terms; of nothing it is 0.
/// `scratch` has sum_scratch() bytes.
template <typename T>
void reduce_sums(const Reduction& reduction, int width, void* scratch, const T* x, T* y,
                 bool mean) {
  using Sum = SumOf<T>;
  Sum* sums = static_cast<Sum*>(scratch);
  auto run = [](const T* from, int64_t count) {
    if constexpr (std::is_floating_point_v<T>) {
      return range_sum<T>(0, count, [from](int64_t i) { return from[i]; });
    } else {
      Sum sum = 0;
      for (int64_t i = 0; i < count; ++i) sum += static_cast<Sum>(from[i]);
      return sum;
    }
  };
  reduction.reduce(width, x, sums, Sum{0}, run, [](Sum a, Sum b) { return a + b; });
  const int64_t divisor = mean && reduction.terms() > 0 ? reduction.terms() : 1;
  for (int64_t i = 0; i < reduction.results(); ++i) {
    if constexpr (std::is_floating_point_v<T>) {
      y[i] = static_cast<T>(sums[i] / static_cast<double>(divisor));
    } else {
      y[i] = static_cast<T>(static_cast<int64_t>(sums[i]) / divisor);
    }
  }
}
template <typename T>
size_t sum_scratch(const Reduction& reduction) {
  return static_cast<size_t>(reduction.results()) * sizeof(SumOf<T>);
}

}  // namespace headrace
