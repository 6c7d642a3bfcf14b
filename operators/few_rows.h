#pragma once

#include <cstdint>

namespace headrace {

/// C = A transpose(B), plus a bias per column if it is not null, for a few rows: A is m x k, B is
/// n x k, C is m x n, dense float32, row by row.
///
/// With so few rows a product is as fast as B can be read from memory. Four rows of B are read side
/// by side, once, where they are: a processor follows several streams faster than one. The order of
/// each sum depends on k alone.
void few_rows_product(int64_t m, int64_t k, int64_t n, const float* a, const float* b,
                      const float* bias, float* c, int width);

/// With more rows oneDNN packs B, which was level when measured with four.
inline constexpr int64_t kFewRows = 2;

}  // namespace headrace
