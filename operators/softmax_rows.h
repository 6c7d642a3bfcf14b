#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "operators/vector_math.h"

namespace headrace {

/// What a pass over a row found out about it.
template <typename T>
struct RowSoftmax {
  T maximum;
  T sum;  // of e^(x - maximum)
  /// log of the softmax of element x, exact where the softmax itself is rounded to 0.
  T log_of(T x) const { return (x - maximum) - std::log(sum); }
};

/// y = e^(x - maximum), unscaled, where y is not null.
template <typename T>
RowSoftmax<T> exponentials(const T* x, int64_t count, T* y) {
  const T maximum = reduce_lanes<T>(
      count, -std::numeric_limits<T>::infinity(), [x](int64_t i) { return x[i]; },
      [](T a, T b) { return b > a ? b : a; });
  if (y == nullptr) {
    return {maximum,
            sum_lanes<T>(count, [=](int64_t i) { return exp_nonpositive(x[i] - maximum); })};
  }
#pragma GCC ivdep  // y is x, or apart from it
  for (int64_t i = 0; i < count; ++i) y[i] = exp_nonpositive(x[i] - maximum);
  return {maximum, sum_lanes<T>(count, [y](int64_t i) { return y[i]; })};
}

/// y = softmax(x), or nothing where y is null.
template <typename T>
RowSoftmax<T> softmax_row(const T* x, int64_t count, T* y) {
  const RowSoftmax<T> row = exponentials(x, count, y);
  if (y == nullptr) return row;
  const T scale = 1 / row.sum;
  for (int64_t i = 0; i < count; ++i) y[i] *= scale;
  return row;
}

}  // namespace headrace
