#include "tests/operators/nhwc.h"

#include <algorithm>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/gradient_context.h"
#include "tests/operators/compare.h"
#include "tests/operators/gradients.h"
#include "tests/operators/run_operator.h"

namespace headrace::testing {
namespace {

/// N, C, spatial to N, spatial, C: the channels-last order of the elements, read as a plain tensor.
Tensor channels_last(const Tensor& tensor) {
  std::vector<int64_t> dims(tensor.shape().begin(), tensor.shape().end());
  std::rotate(dims.begin() + 1, dims.begin() + 2, dims.end());
  Tensor result(Shape(dims), tensor.dtype());
  TensorDesc permuted{tensor.dtype(), tensor.shape(), Layout::kChannelsLast};
  reorder(tensor.raw(), tensor.desc(), result.raw(), permuted);
  return result;
}

Tensor channels_last_if(const std::vector<int>& operands, int i, const Tensor& tensor) {
  bool permute = std::ranges::find(operands, i) != operands.end() && tensor.shape().rank() >= 3;
  return permute ? channels_last(tensor) : tensor;
}

}  // namespace

void expect_same_in_nhwc(const std::string& type, const Sample& sample) {
  OperatorDef nchw = sample.def(type);
  OperatorDef nhwc = nchw;
  set_arg(nhwc, "order", std::string_view("NHWC"));
  std::vector<Blob> inputs = sample.make_inputs(type);
  std::vector<Blob> permuted;
  for (size_t i = 0; i < inputs.size(); ++i) {
    permuted.emplace_back(
        channels_last_if(sample.nhwc_inputs, static_cast<int>(i), inputs[i].tensor()));
  }

  if (sample.gradients.empty()) {
    std::vector<Blob> expected = run_operator(nchw, inputs);
    std::vector<Blob> found = run_operator(nhwc, permuted);
    for (size_t i = 0; i < expected.size(); ++i) {
      Tensor wanted =
          channels_last_if(sample.nhwc_outputs, static_cast<int>(i), expected[i].tensor());
      EXPECT_TRUE(same_tensor(found[i].tensor(), wanted, sample.tolerance)) << "output " << i;
    }
    return;
  }

  std::map<int, Tensor> douts = cotangents(type, sample, infer(nchw, inputs));
  std::map<int, Tensor> permuted_douts;
  for (const auto& [i, dout] : douts) {
    permuted_douts[i] = channels_last_if(sample.nhwc_outputs, i, dout);
  }
  GradientRun expected = run_gradient(nchw, inputs, douts, sample.gradients);
  GradientRun found = run_gradient(nhwc, permuted, permuted_douts, sample.gradients);
  for (size_t i = 0; i < expected.outputs.size(); ++i) {
    Tensor wanted =
        channels_last_if(sample.nhwc_outputs, static_cast<int>(i), expected.outputs[i].tensor());
    EXPECT_TRUE(same_tensor(found.outputs[i].tensor(), wanted, sample.tolerance)) << "output " << i;
  }
  for (const auto& [i, gradient] : expected.gradients) {
    EXPECT_TRUE(same_tensor(found.gradients.at(i),
                            channels_last_if(sample.nhwc_inputs, i, gradient),
                            sample.gradient_tolerance))
        << "gradient of input " << i;
  }
}

}  // namespace headrace::testing
