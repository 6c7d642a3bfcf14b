#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/blob.h"
#include "core/proto/net.pb.h"
#include "tests/operators/run_operator.h"
#include "tests/operators/sample.h"

namespace headrace::testing {

/// Outputs of a sample that a gradient arrives at.
std::vector<int> gradient_outputs(const Sample& sample, const std::vector<TensorType>& types);

/// The cotangents of a sample by output, as float32 or as float64.
std::map<int, Tensor> cotangents(const std::string& type, const Sample& sample,
                                 const std::vector<TensorType>& types);

/// The gradient operators that the schema makes, and what came of running them after the forward
/// operator.
struct GradientRun {
  std::vector<Blob> outputs;
  std::vector<OperatorDef> operators;
  /// Operands of each gradient operator as they were when it ran.
  std::vector<std::vector<Blob>> operands;
  /// Gradient of input i.
  std::map<int, Tensor> gradients;
};

/// Gradients of the inputs `wanted`, given those of outputs.
GradientRun run_gradient(const OperatorDef& def, const std::vector<Blob>& inputs,
                         const std::map<int, Tensor>& output_gradients,
                         const std::vector<int>& wanted);
/// The same with the sample's cotangents, in the element type of `inputs` (float32 or float64).
GradientRun run_gradient(const std::string& type, const Sample& sample,
                         const std::vector<Blob>& inputs);

/// Gradient of input `i` by central differences of the forward operator alone: of sixth order in
/// the step, so that float32 inputs give three digits; with float64 inputs, eight.
Tensor numeric_gradient(const std::string& type, const Sample& sample,
                        const std::vector<Blob>& inputs, int i);

/// The inputs in float64.
std::vector<Blob> to_double(const std::vector<Blob>& inputs);

}  // namespace headrace::testing
