#pragma once

#include <string>

#include <gtest/gtest.h>

#include "core/blob.h"
#include "core/tensor.h"

namespace headrace::testing {

/// Same type, shape and elements; floating ones may differ by `tolerance` times the largest
/// magnitude of `expected`, and a NaN equals a NaN only. A tolerance of 0 means bit for bit.
/// `expected` may be float64 where `found` is float32: references are computed in double.
::testing::AssertionResult same_tensor(const Tensor& found, const Tensor& expected,
                                       double tolerance);
::testing::AssertionResult same_blob(const Blob& found, const Blob& expected, double tolerance);

/// Element i of a tensor of numbers.
double element(const Tensor& tensor, int64_t i);
void set_element(Tensor& tensor, int64_t i, double value);
/// The tensor with float32 elements turned into float64; others are shared.
Tensor to_double(const Tensor& tensor);

}  // namespace headrace::testing
