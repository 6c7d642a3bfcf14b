#pragma once

#include <string>

namespace headrace::testing {

/// Runs the cases of a JSON file (operator, arguments, inputs, cotangents) and writes what came of
/// each to another one: outputs, gradients and gradient operators, or the error. compare_caffe2.py
/// makes the one and reads the other.
void run_cases(const std::string& cases, const std::string& results);

}  // namespace headrace::testing
