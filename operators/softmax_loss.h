#pragma once

#include <cmath>
#include <cstdint>

#include "core/error.h"
#include "core/op_schema.h"

namespace headrace {

/// What SoftmaxWithLoss and its gradient share: X is a matrix, the axes before `axis` are rows.
struct SoftmaxLossShape {
  int64_t rows = 0;
  int64_t columns = 0;
  bool probabilities = false;  // labels are distributions over the columns
  bool by_batch = false;       // divide by the rows even where they have weights
  double scale = 1;

  /// What the losses of the rows are multiplied by; `weights` may be null.
  template <typename T>
  double factor(const T* weights) const {
    double total = static_cast<double>(rows);
    if (weights != nullptr && !by_batch) {
      total = 0;
      for (int64_t row = 0; row < rows; ++row) total += weights[row];
    }
    return total == 0 ? 0 : scale / total;
  }
};

/// Declares the arguments of SoftmaxWithLoss and of its gradient.
OpSchema& declare_softmax_loss(OpSchema& schema);

/// Checks arguments, logits (input 0), labels (input 1) and, where `weighted`, weights (input 2).
SoftmaxLossShape check_softmax_loss(const InferContext& context, bool weighted);
SoftmaxLossShape softmax_loss_shape(const Args& args, const Shape& logits);

/// Throws kNumeric unless all labels are in [0, columns).
template <typename Label>
void check_labels(const SoftmaxLossShape& shape, const Label* labels) {
  for (int64_t row = 0; row < shape.rows; ++row) {
    require(labels[row] >= 0 && labels[row] < shape.columns, ErrorCode::kNumeric,
            "label {} of sample {} is not in 0 ... {}, the classes of the logits", labels[row], row,
            shape.columns - 1);
  }
}

/// Throws kNumeric unless the labels of a row are a distribution.
template <typename T>
void check_distribution(const SoftmaxLossShape& shape, int64_t row, const T* labels) {
  double sum = 0;
  for (int64_t i = 0; i < shape.columns; ++i) {
    require(labels[i] >= 0, ErrorCode::kNumeric,
            "probability {} of sample {}, class {} is not >= 0", labels[i], row, i);
    sum += labels[i];
  }
  require(std::abs(sum - 1) < 1e-4, ErrorCode::kNumeric,
          "the probabilities of sample {} add up to {} instead of 1", row, sum);
}

}  // namespace headrace
