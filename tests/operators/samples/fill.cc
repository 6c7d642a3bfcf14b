// Fillers. Random ones are checked by their statistics: with n draws the mean of a distribution of
// standard deviation s varies by s / sqrt(n), its variance by about s^2 * sqrt(2 / n).

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "tests/operators/compare.h"
#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

// clang-format off
const OperatorSamples constant_fill("ConstantFill", {
    {.name = "default", .args = {{"shape", ints({2, 2})}}},
    {.name = "value", .args = {{"shape", ints({3})}, {"value", 3.5f}}},
    {.name = "scalar", .args = {{"value", -1.0f}}},
    {.name = "integer makes int64", .args = {{"shape", ints({2})}, {"value", 7}}},
    {.name = "int32", .args = {{"shape", ints({2})}, {"value", -7}, {"dtype", 2}}},
    {.name = "bool", .args = {{"shape", ints({2})}, {"value", 1}, {"dtype", 5}}},
    {.name = "uint8", .args = {{"shape", ints({2})}, {"value", 200}, {"dtype", 6}}},
    {.name = "int8", .args = {{"shape", ints({2})}, {"value", -5}, {"dtype", 7}}},
    {.name = "uint16", .args = {{"shape", ints({2})}, {"value", 5}, {"dtype", 8}}},
    {.name = "int16", .args = {{"shape", ints({2})}, {"value", -5}, {"dtype", 9}}},
    {.name = "int64", .args = {{"shape", ints({2})}, {"dtype", 10}}},
    {.name = "float64", .args = {{"shape", ints({2})}, {"value", 0.25f}, {"dtype", 13}}},
    {.name = "string", .args = {{"shape", ints({2})}, {"value", "text"}, {"dtype", 4}}},
    {.name = "empty", .args = {{"shape", ints({2, 0})}}},
    {.name = "shape of input", .args = {{"value", 2.0f}}, .inputs = {normal({2, 3})}},
    {.name = "extra shape", .args = {{"extra_shape", ints({4, 1})}}, .inputs = {normal({2, 3})}},
    {.name = "input as shape", .args = {{"input_as_shape", 1}}, .inputs = {values<int64_t>({2}, {2, 4})}},
    {.name = "input as shape, extra", .args = {{"input_as_shape", 1}, {"extra_shape", ints({3})}},
     .inputs = {values<int64_t>({2}, {2, 4})}},
    {.name = "large", .args = {{"shape", ints({5, 101})}, {"value", 0.1f}}},
});

const OperatorErrors constant_fill_errors("ConstantFill", {
    {.name = "integer for float", .args = {{"dtype", 1}, {"value", 1}}, .says = "'f'"},
    {.name = "float for integer", .args = {{"dtype", 10}, {"value", 1.0f}}, .says = "'i'"},
    {.name = "float16", .args = {{"dtype", 12}}, .says = "dtype 12"},
    {.name = "does not fit", .args = {{"dtype", 7}, {"value", 300}}, .says = "300"},
    {.name = "shape and input", .args = {{"shape", ints({2})}}, .inputs = {normal({2})}, .says = "not both"},
    {.name = "extra without input", .args = {{"extra_shape", ints({2})}}, .says = "extra_shape"},
    {.name = "as shape without input", .args = {{"input_as_shape", 1}}, .says = "needs an input"},
    {.name = "float shape", .args = {{"input_as_shape", 1}}, .inputs = {normal({2})},
     .code = ErrorCode::kTypeMismatch, .says = "int64"},
    {.name = "matrix shape", .args = {{"input_as_shape", 1}}, .inputs = {values<int64_t>({1, 2}, {2, 4})},
     .code = ErrorCode::kShapeMismatch, .says = "1 dimension"},
    {.name = "negative", .args = {{"shape", ints({-1, 2})}}, .code = ErrorCode::kShapeMismatch, .says = "negative"},
});

const OperatorSamples given_fill("GivenTensorFill", {
    {.name = "float", .args = {{"shape", ints({2, 2})}, {"values", floats({1, -2.5f, 3, 4})}}},
    {.name = "int32", .args = {{"shape", ints({2})}, {"values", ints({1, -2})}, {"dtype", 2}}},
    {.name = "empty", .args = {{"shape", ints({0})}, {"values", floats({})}}},
    {.name = "scalar", .args = {{"values", floats({1.5f})}}},
    {.name = "shape of input", .args = {{"values", floats({1, 2, 3})}}, .inputs = {normal({3, 1})}},
    {.name = "input as shape", .args = {{"input_as_shape", 1}, {"values", floats({1, 2, 3})}},
     .inputs = {values<int64_t>({2}, {3, 1})}},
});
const OperatorErrors given_fill_errors("GivenTensorFill", {
    {.name = "too few", .args = {{"shape", ints({3})}, {"values", floats({1, 2})}}, .says = "3 elements"},
    {.name = "integers", .args = {{"shape", ints({2})}, {"values", ints({1, 2})}}, .says = "'floats'"},
    {.name = "uint8", .args = {{"shape", ints({2})}, {"values", ints({1, 2})}, {"dtype", 6}}, .says = "dtype 6"},
});

const OperatorSamples given_double("GivenTensorDoubleFill", {
    {.name = "values", .args = {{"shape", ints({2, 1})}, {"values", floats({0.1f, -2})}}}});
const OperatorSamples given_bool("GivenTensorBoolFill", {
    {.name = "values", .args = {{"shape", ints({3})}, {"values", ints({1, 0, 1})}}}});
const OperatorSamples given_int16("GivenTensorInt16Fill", {
    {.name = "values", .args = {{"shape", ints({3})}, {"values", ints({1, -32768, 32767})}}}});
const OperatorSamples given_int("GivenTensorIntFill", {
    {.name = "values", .args = {{"shape", ints({3})}, {"values", ints({1, -5, 1 << 30})}}}});
const OperatorSamples given_int64("GivenTensorInt64Fill", {
    {.name = "values", .args = {{"shape", ints({2})}, {"values", ints({1, int64_t{1} << 40})}}}});
const OperatorSamples given_string("GivenTensorStringFill", {
    {.name = "values", .args = {{"shape", ints({2})}, {"values", strings({"a", "bcd"})}}}});
const OperatorSamples given_bytes("GivenTensorByteStringToUInt8Fill", {
    {.name = "one string", .args = {{"shape", ints({2, 2})}, {"values", strings({"abc\xff"})}}, .reference = Reference::kCheck,
     .check = [](const SampleRun& run) {
       EXPECT_TRUE(same_blob(run.outputs[0], Tensor::from<uint8_t>({2, 2}, {97, 98, 99, 255}), 0));
     }}});
const OperatorErrors given_int16_errors("GivenTensorInt16Fill", {
    {.name = "does not fit", .args = {{"shape", ints({1})}, {"values", ints({40000})}}, .says = "40000"}});
const OperatorErrors given_bytes_errors("GivenTensorByteStringToUInt8Fill", {
    {.name = "too few", .args = {{"shape", ints({3})}, {"values", strings({"ab"})}}, .says = "gives 2"}});
// clang-format on

struct Statistics {
  double mean = 0;
  double deviation = 0;
  double smallest = INFINITY;
  double largest = -INFINITY;
};

Statistics statistics(const Tensor& tensor) {
  Statistics result;
  double squares = 0;
  for (float value : tensor.data<float>()) {
    result.mean += value;
    squares += double{value} * value;
    result.smallest = std::min<double>(result.smallest, value);
    result.largest = std::max<double>(result.largest, value);
  }
  auto count = static_cast<double>(tensor.numel());
  result.mean /= count;
  result.deviation = std::sqrt(squares / count - result.mean * result.mean);
  return result;
}

/// All distributions here have a kurtosis of at most 3, which bounds the spread of the variance.
void expect_moments(const Tensor& tensor, double mean, double deviation) {
  Statistics found = statistics(tensor);
  double n = std::sqrt(static_cast<double>(tensor.numel()));
  EXPECT_NEAR(found.mean, mean, 4 * deviation / n);
  EXPECT_NEAR(found.deviation, deviation, 4 * deviation / n);
}

void expect_uniform(const Tensor& tensor, double low, double high) {
  expect_moments(tensor, (low + high) / 2, (high - low) / std::sqrt(12));
  Statistics found = statistics(tensor);
  double edge = (high - low) * 20 / static_cast<double>(tensor.numel());
  EXPECT_GE(found.smallest, low);
  EXPECT_LT(found.smallest, low + edge);
  EXPECT_LT(found.largest, high);
  EXPECT_GT(found.largest, high - edge);
}

void expect_normal(const Tensor& tensor, double mean, double deviation) {
  expect_moments(tensor, mean, deviation);
  // Quantiles of the normal distribution: 68.27 %, 95.45 % and 99.73 % within 1, 2 and 3 sigma.
  auto data = tensor.data<float>();
  auto count = static_cast<double>(data.size());
  for (auto [sigmas, share] : {std::pair(1, 0.6827), std::pair(2, 0.9545), std::pair(3, 0.9973)}) {
    auto within = std::ranges::count_if(
        data, [&](float value) { return std::abs(value - mean) < sigmas * deviation; });
    EXPECT_NEAR(static_cast<double>(within) / count, share,
                4 * std::sqrt(share * (1 - share) / count))
        << sigmas << " sigma";
  }
}

Sample random_sample(std::string name, std::vector<SampleArg> args,
                     std::function<void(const Tensor&)> check) {
  return {.name = std::move(name),
          .args = std::move(args),
          .reference = Reference::kCheck,
          .check = [=](const SampleRun& run) { check(run.outputs[0].tensor()); }};
}

const OperatorSamples uniform_fill(
    "UniformFill",
    {random_sample("default", {{"shape", ints({100, 101})}},
                   [](const Tensor& y) { expect_uniform(y, 0, 1); }),
     random_sample("range", {{"shape", ints({10007})}, {"min", -3.0f}, {"max", -1.0f}},
                   [](const Tensor& y) { expect_uniform(y, -3, -1); }),
     {.name = "range as inputs",
      .args = {{"input_as_shape", 1}},
      .inputs = {values<int64_t>({1}, {5000}), values<float>({1}, {1}), values<float>({1}, {4})},
      .reference = Reference::kCheck,
      .check = [](const SampleRun& run) { expect_uniform(run.outputs[0].tensor(), 1, 4); }}});

const OperatorErrors uniform_fill_errors(
    "UniformFill", {{.name = "empty range", .args = {{"min", 1.0f}, {"max", 1.0f}}, .says = "max"},
                    {.name = "int64", .args = {{"dtype", 10}}, .says = "float32"}});

const OperatorSamples gaussian_fill(
    "GaussianFill",
    {random_sample("default", {{"shape", ints({100, 101})}},
                   [](const Tensor& y) { expect_normal(y, 0, 1); }),
     random_sample("mean and std", {{"shape", ints({10007})}, {"mean", 2.0f}, {"std", 0.01f}},
                   [](const Tensor& y) { expect_normal(y, 2, 0.01); }),
     random_sample("no spread", {{"shape", ints({3})}, {"mean", 2.0f}, {"std", 0.0f}},
                   [](const Tensor& y) {
                     EXPECT_TRUE(same_tensor(y, Tensor::from<float>({3}, {2, 2, 2}), 0));
                   })});

const OperatorErrors gaussian_fill_errors(
    "GaussianFill", {{.name = "negative std", .args = {{"std", -1.0f}}, .says = "-1"}});

// Bounds and deviations measured on the reference engine agree: XavierFill of 64x32x3x3 stays
// within sqrt(3 / 288), MSRAFill of 64x32x3x3 has the deviation sqrt(2 / 576).
const OperatorSamples xavier_fill(
    "XavierFill", {random_sample("convolution", {{"shape", ints({64, 32, 3, 3})}},
                                 [](const Tensor& y) {
                                   expect_uniform(y, -std::sqrt(3.0 / 288), std::sqrt(3.0 / 288));
                                 }),
                   random_sample("vector", {{"shape", ints({5000})}}, [](const Tensor& y) {
                     expect_uniform(y, -std::sqrt(3.0), std::sqrt(3.0));
                   })});

const OperatorErrors xavier_fill_errors("XavierFill", {{.name = "scalar",
                                                        .code = ErrorCode::kShapeMismatch,
                                                        .says = "at least 1 dimension"}});

const OperatorSamples msra_fill(
    "MSRAFill", {random_sample("convolution", {{"shape", ints({64, 32, 3, 3})}},
                               [](const Tensor& y) { expect_normal(y, 0, std::sqrt(2.0 / 576)); }),
                 random_sample("matrix", {{"shape", ints({1000, 50})}}, [](const Tensor& y) {
                   expect_normal(y, 0, std::sqrt(2.0 / 1000));
                 })});

const OperatorErrors msra_fill_errors("MSRAFill", {{.name = "vector",
                                                    .args = {{"shape", ints({5})}},
                                                    .code = ErrorCode::kShapeMismatch,
                                                    .says = "at least 2 dimensions"}});

// clang-format off
template <typename T>
std::vector<Maker> scalars(std::initializer_list<T> elements) {
  std::vector<Maker> makers;
  for (T value : elements) makers.push_back(values<T>({}, {value}));
  return makers;
}

const OperatorSamples range("Range", {
    {.name = "stop", .inputs = scalars<int32_t>({5})},
    {.name = "start and stop", .inputs = scalars<int32_t>({2, 7})},
    {.name = "step", .inputs = scalars<int32_t>({2, 7, 2})},
    {.name = "down", .inputs = scalars<int64_t>({6, 0, -2})},
    {.name = "down with remainder", .inputs = scalars<int32_t>({5, 0, -2})},
    {.name = "nothing", .inputs = scalars<int32_t>({0, 5, -1})},
    {.name = "negative stop", .inputs = scalars<int32_t>({-3})},
    {.name = "float", .inputs = scalars<float>({1, 2, 0.25f})},
    {.name = "float down", .inputs = scalars<float>({2, 1, -0.3f})},
    {.name = "double", .inputs = scalars<double>({2, 1, -0.5})},
    {.name = "one-element vector", .inputs = {values<int32_t>({1}, {3})}},
});
const OperatorErrors range_errors("Range", {
    {.name = "no step", .inputs = scalars<int32_t>({0, 5, 0}), .says = "must not be 0"},
    {.name = "infinite", .inputs = scalars<float>({0, INFINITY, 1}), .says = "no length"},
    {.name = "vector", .inputs = {integers<int32_t>({2}, 0, 5)}, .code = ErrorCode::kShapeMismatch, .says = "1 element"},
    {.name = "mixed types", .inputs = {values<int32_t>({}, {1}), values<int64_t>({}, {5})},
     .code = ErrorCode::kTypeMismatch, .says = "same"},
});
// clang-format on

}  // namespace
}  // namespace headrace::testing
