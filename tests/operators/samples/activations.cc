#include <cmath>

#include <gtest/gtest.h>

#include "tests/operators/compare.h"
#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

// clang-format off
const std::vector<ErrorSample> kFloatsOnly = {
    {.name = "integers", .inputs = {integers<int32_t>({3}, 0, 9)}, .code = ErrorCode::kTypeMismatch, .says = "float32"},
    {.name = "strings", .inputs = {strings_of({1}, {"a"})}, .code = ErrorCode::kTypeMismatch, .says = "string"},
};

/// What all these functions have to get right; `image` makes elements away from kinks.
std::vector<Sample> functions(Maker image, std::vector<Sample> more = {}) {
  std::vector<Sample> samples = {
      {.name = "image", .inputs = {image}, .gradients = {0}},
      {.name = "large", .inputs = {values<float>({6}, {-30, -87, 30, 87, -1e-4f, 1e-4f})}},
      {.name = "scalar", .inputs = {values<float>({}, {0.7f})}, .gradients = {0}},
      {.name = "zero and not a number", .inputs = {values<float>({2}, {0, NAN})}},
      {.name = "empty", .inputs = {normal({0, 3})}},
  };
  for (Sample& sample : more) samples.push_back(std::move(sample));
  return samples;
}

const OperatorSamples elu("Elu", functions(apart({2, 3, 4, 5}), {
    {.name = "alpha", .args = {{"alpha", 0.5f}}, .inputs = {apart({70})}, .gradients = {0}},
}));
const OperatorErrors elu_errors("Elu", kFloatsOnly);
const OperatorSamples selu("Selu", functions(apart({2, 3, 4, 5}), {
    {.name = "arguments", .args = {{"alpha", 0.5f}, {"scale", 1.5f}}, .inputs = {apart({70})}, .gradients = {0}},
}));
const OperatorErrors selu_errors("Selu", {
    kFloatsOnly[0],
    {.name = "alpha", .args = {{"alpha", 0.0f}}, .inputs = {normal({3})}, .says = "alpha > 0"},
    {.name = "scale", .args = {{"scale", 1.0f}}, .inputs = {normal({3})}, .says = "scale > 1"},
});
const OperatorSamples leaky_relu("LeakyRelu", functions(apart({2, 3, 4, 5}), {
    {.name = "alpha", .args = {{"alpha", 0.3f}}, .inputs = {apart({70})}, .gradients = {0}},
}));
const OperatorErrors leaky_relu_errors("LeakyRelu", kFloatsOnly);
const OperatorSamples hard_sigmoid("HardSigmoid", functions(apart({2, 3, 4, 5}, 0.17f), {
    {.name = "arguments", .args = {{"alpha", 0.3f}, {"beta", 0.1f}}, .inputs = {apart({20}, 0.17f)}, .gradients = {0}},
}));
const OperatorErrors hard_sigmoid_errors("HardSigmoid", kFloatsOnly);
const OperatorSamples softplus("Softplus", functions(normal({2, 3, 4, 5}), {
    // Caffe2 overflows here.
    {.name = "larger", .inputs = {values<float>({3}, {-200, 89, 1e30f})}, .reference = Reference::kCheck,
     .check = [](const SampleRun& run) { EXPECT_TRUE(same_tensor(run.outputs[0].tensor(), Tensor::from<float>({3}, {0, 89, 1e30f}), 0)); }},
}));
const OperatorErrors softplus_errors("Softplus", kFloatsOnly);
const OperatorSamples swish("Swish", functions(normal({2, 3, 4, 5})));
const OperatorErrors swish_errors("Swish", kFloatsOnly);
const OperatorSamples gelu("Gelu", functions(normal({2, 3, 4, 5}), {
    {.name = "fast", .args = {{"fast_gelu", 1}}, .inputs = {normal({70})}, .gradients = {0}},
}));
const OperatorErrors gelu_errors("Gelu", kFloatsOnly);
const OperatorSamples softsign("Softsign", functions(apart({2, 3, 4, 5})));
const OperatorErrors softsign_errors("Softsign", kFloatsOnly);
const OperatorSamples abs_samples("Abs", functions(apart({2, 3, 4, 5})));
const OperatorErrors abs_errors("Abs", kFloatsOnly);

const OperatorSamples exp_samples("Exp", {
    {.name = "image", .inputs = {normal({2, 3, 4, 5})}, .gradients = {0}},
    {.name = "large", .inputs = {values<float>({4}, {-200, 200, NAN, 0})}},
    {.name = "empty", .inputs = {normal({0, 3})}},
});
const OperatorErrors exp_errors("Exp", kFloatsOnly);
const OperatorSamples log_samples("Log", {
    {.name = "image", .inputs = {uniform({2, 3, 4, 5}, 0.5f, 4)}, .gradients = {0}},
    {.name = "edge", .inputs = {values<float>({4}, {0, -1, 1e30f, 1e-30f})}},
    {.name = "empty", .inputs = {normal({0, 3})}},
});
const OperatorErrors log_errors("Log", kFloatsOnly);
// The gradient is that of Caffe2 but for one thing: it leaves the gradient of Y as it is.
const OperatorSamples sqr("Sqr", {
    {.name = "image", .inputs = {normal({2, 3, 4, 5})}, .gradients = {0}, .own_gradient_operators = true},
    {.name = "empty", .inputs = {normal({0, 3})}},
});
const OperatorErrors sqr_errors("Sqr", kFloatsOnly);

std::vector<Sample> negations() {
  return {
      {.name = "image", .inputs = {normal({2, 3, 4, 5})}, .gradients = {0}},
      {.name = "int32", .inputs = {integers<int32_t>({7}, -9, 9)}},
      {.name = "int64", .inputs = {integers<int64_t>({7}, -9, 9)}},
      {.name = "float64", .inputs = {values<double>({2}, {1.5, -1e300})}},
      {.name = "empty", .inputs = {normal({0, 3})}},
  };
}
std::vector<ErrorSample> not_numbers() {
  return {{.name = "strings", .inputs = {strings_of({1}, {"a"})}, .code = ErrorCode::kTypeMismatch, .says = "int64"},
          {.name = "bool", .inputs = {values<bool>({1}, {true})}, .code = ErrorCode::kTypeMismatch, .says = "int64"}};
}
const OperatorSamples negative("Negative", negations());
const OperatorErrors negative_errors("Negative", not_numbers());
// Finite differences cannot see a gradient that is negated on purpose.
const OperatorSamples negate_gradient("NegateGradient", {
    {.name = "image", .inputs = {normal({2, 3, 4, 5})}, .gradients = {0}, .finite_differences = false},
    {.name = "int32", .inputs = {integers<int32_t>({7}, -9, 9)}},
    {.name = "empty", .inputs = {normal({0, 3})}},
});
const OperatorErrors negate_gradient_errors("NegateGradient", not_numbers());

const OperatorSamples prelu("PRelu", {
    {.name = "channels", .inputs = {apart({2, 3, 4, 5}), normal({3})}, .gradients = {0, 1}, .nhwc_inputs = {0}, .nhwc_outputs = {0}},
    {.name = "shared", .inputs = {apart({2, 3, 4, 5}), normal({1})}, .gradients = {0, 1}},
    {.name = "matrix", .inputs = {apart({4, 3}), normal({3})}, .gradients = {0, 1}},
    {.name = "sequence", .inputs = {apart({2, 3, 7}), normal({3})}, .gradients = {0, 1}},
    {.name = "volume", .inputs = {apart({2, 3, 2, 3, 2}), normal({3})}, .gradients = {0, 1}},
    {.name = "empty", .inputs = {normal({0, 3}), normal({3})}},
    {.name = "no pixels", .inputs = {normal({2, 3, 0, 4}), normal({3})}},
});
const OperatorErrors prelu_errors("PRelu", {
    {.name = "slopes", .inputs = {normal({2, 3}), normal({2})}, .code = ErrorCode::kShapeMismatch, .says = "3 channels"},
    {.name = "slopes in NHWC", .args = {{"order", "NHWC"}}, .inputs = {normal({2, 3, 4, 5}), normal({3})}, .code = ErrorCode::kShapeMismatch, .says = "5 channels"},
    {.name = "order", .args = {{"order", "NCWH"}}, .inputs = {normal({2, 3, 4, 5}), normal({3})}, .says = "NHWC"},
    {.name = "vector", .inputs = {normal({3}), normal({3})}, .code = ErrorCode::kShapeMismatch, .says = "channels"},
    {.name = "types", .inputs = {normal({2, 3}), integers<int32_t>({3}, 0, 9)}, .code = ErrorCode::kTypeMismatch, .says = "the same"},
    {.name = "integers", .inputs = {integers<int32_t>({2, 3}, 0, 9), normal({3})}, .code = ErrorCode::kTypeMismatch, .says = "float32"},
});
// clang-format on

}  // namespace
}  // namespace headrace::testing
