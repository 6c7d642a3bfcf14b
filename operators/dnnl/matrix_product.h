#pragma once

#include <cstddef>
#include <cstdint>

#include "operators/dnnl/primitive.h"

namespace headrace {

/// C = A B, plus a bias per column where asked for: A is m x k, B is k x n, C is m x n. Dense
/// float32 matrices, C row by row; A and B may be given transposed, that is column by column.
/// Prepared for one shape and width.
class MatrixProduct {
 public:
  struct Problem {
    int64_t m = 0;
    int64_t k = 0;
    int64_t n = 0;
    bool transpose_a = false;
    bool transpose_b = false;
    bool bias = false;
    int width = 1;
  };

  explicit MatrixProduct(const Problem& problem);

  size_t scratch_bytes() const { return product_.scratch_bytes(); }
  /// `bias` is read only if the product was made with one.
  void run(const float* a, const float* b, const float* bias, float* c, void* scratch) const;

 private:
  Problem problem_;
  bool few_rows_;
  Primitive product_;
};

}  // namespace headrace
