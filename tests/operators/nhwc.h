#pragma once

#include <string>

#include "tests/operators/sample.h"

namespace headrace::testing {

/// Asserts that a sample with `order` NHWC gives the permuted outputs and gradients of the same
/// sample with NCHW.
void expect_same_in_nhwc(const std::string& type, const Sample& sample);

}  // namespace headrace::testing
