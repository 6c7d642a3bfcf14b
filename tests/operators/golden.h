#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "tests/operators/sample.h"

/// Expected values of an independent implementation: golden/<operator>.json, one entry per sample.
namespace headrace::testing {

struct Golden {
  std::string reference;  // what computed it, with its version
  /// Expected outputs; empty where the reference has none to compare with.
  std::vector<std::optional<Tensor>> outputs;
  /// Expected gradient of input i.
  std::map<int, Tensor> gradients;
  /// The gradient operators of the reference, see describe(); empty when it was not asked.
  std::vector<std::string> gradient_operators;
};

/// Throws Error when there is no entry, or when it was made from other inputs than the sample has
/// now: then run the scripts again, see README.md.
Golden read_golden(const std::string& type, const Sample& sample);

/// The weight of output element i in the scalar whose gradient is checked: gradients of the sample
/// are those of sum(cotangent * output).
Tensor cotangent(const std::string& type, const Sample& sample, int output, const Shape& shape);

/// "MulGradient(C_grad, A, B) -> A_grad, B_grad"
std::string describe(const OperatorDef& def);

/// Writes every sample with its inputs and cotangents as JSON, for the scripts that compute the
/// golden values.
void dump_samples(const std::string& path);

}  // namespace headrace::testing
