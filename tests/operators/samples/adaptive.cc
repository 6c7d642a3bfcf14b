// Updates other than momentum and Adam.

#include <cmath>

#include <gtest/gtest.h>

#include "tests/operators/compare.h"
#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

// clang-format off
Maker rate(float value) { return values<float>({1}, {value}); }
Maker rate(Shape shape, float value) { return values<float>(shape, {value}); }
const ErrorCode kShape = ErrorCode::kShapeMismatch;

const OperatorSamples adagrad("Adagrad", {
    {.name = "weights", .inputs = {normal({2, 3, 4, 5}), uniform({2, 3, 4, 5}), normal({2, 3, 4, 5}), rate(-0.1f)}},
    {.name = "four outputs", .args = {{"epsilon", 0.1f}, {"decay", 0.5f}}, .inputs = {normal({7}), uniform({7}), normal({7}), rate({}, -0.1f)}, .outputs = 4},
    {.name = "weight decay", .args = {{"weight_decay", 0.5f}}, .inputs = {normal({7}), uniform({7}), normal({7}), rate(-0.1f)}, .outputs = 3},
    {.name = "empty", .inputs = {normal({0}), normal({0}), normal({0}), rate(-0.1f)}},
});
const OperatorErrors adagrad_errors("Adagrad", {
    {.name = "moment", .inputs = {normal({3}), normal({2}), normal({3}), normal({1})}, .code = kShape, .says = "the same"},
    {.name = "rate", .inputs = {normal({3}), normal({3}), normal({3}), normal({3})}, .code = kShape, .says = "1 element"},
    {.name = "integers", .inputs = {integers<int32_t>({3}, 0, 9), normal({3}), normal({3}), normal({1})}, .code = ErrorCode::kTypeMismatch, .says = "float32"},
});

const OperatorSamples rms_prop("RmsProp", {
    {.name = "weights", .inputs = {normal({2, 3, 4, 5}), uniform({2, 3, 4, 5}), normal({2, 3, 4, 5}), rate(0.1f)}},
    {.name = "arguments", .args = {{"decay", 0.5f}, {"momentum", 0.8f}, {"epsilon", 0.1f}}, .inputs = {normal({7}), uniform({7}), normal({7}), rate({}, 0.1f)}},
    {.name = "empty", .inputs = {normal({0}), normal({0}), normal({0}), rate(0.1f)}},
});
const OperatorErrors rms_prop_errors("RmsProp", {
    {.name = "buffer", .inputs = {normal({3}), normal({3}), normal({2}), normal({1})}, .code = kShape, .says = "the same"},
    {.name = "rate", .inputs = {normal({3}), normal({3}), normal({3}), normal({2})}, .code = kShape, .says = "1 element"},
});

const OperatorSamples adadelta("Adadelta", {
    {.name = "weights", .inputs = {normal({3, 4}), uniform({3, 4}), uniform({3, 4}), normal({3, 4}), rate(-0.1f)}},
    {.name = "arguments", .args = {{"decay", 0.5f}, {"epsilon", 0.1f}}, .inputs = {normal({7}), uniform({7}), uniform({7}), normal({7}), rate({}, -0.1f)}},
    {.name = "empty", .inputs = {normal({0}), normal({0}), normal({0}), normal({0}), rate(-0.1f)}},
});
const OperatorErrors adadelta_errors("Adadelta", {
    {.name = "delta", .inputs = {normal({3}), normal({3}), normal({2}), normal({3}), normal({1})}, .code = kShape, .says = "the same"},
    {.name = "rate", .inputs = {normal({3}), normal({3}), normal({3}), normal({3}), normal({2})}, .code = kShape, .says = "1 element"},
});

const OperatorSamples wngrad("Wngrad", {
    {.name = "weights", .inputs = {normal({3, 4}), rate(2), normal({3, 4}), rate(-0.1f)}},
    {.name = "four outputs", .args = {{"epsilon", 0.1f}}, .inputs = {normal({70}), rate(2), normal({70}), rate(-0.1f)}, .outputs = 4},
});
const OperatorErrors wngrad_errors("Wngrad", {
    {.name = "b", .inputs = {normal({3}), normal({3}), normal({3}), normal({1})}, .code = kShape, .says = "1 element"},
    {.name = "gradient", .inputs = {normal({3}), normal({1}), normal({2}), normal({1})}, .code = kShape, .says = "the same"},
});

const OperatorSamples storm("Storm", {
    {.name = "weights", .inputs = {normal({3, 4}), normal({3, 4}), rate(2), normal({3, 4}), rate(-0.1f)}},
    {.name = "arguments", .args = {{"momentum", 5.0f}, {"beta", 0.3f}}, .inputs = {normal({70}), normal({70}), rate(2), normal({70}), rate(-0.2f)}},
});
const OperatorErrors storm_errors("Storm", {
    {.name = "sum", .inputs = {normal({3}), normal({3}), normal({3}), normal({3}), normal({1})}, .code = kShape, .says = "1 element"},
    {.name = "moment", .inputs = {normal({3}), normal({2}), normal({1}), normal({3}), normal({1})}, .code = kShape, .says = "the same"},
});

// Caffe2's operator computes from what it has just written, so its values are those of the in-place
// use that its own Python interface makes.
std::vector<std::string> all_in_place() { return {"X0", "X1", "X2", "X3", "X4", "X5", "X6", "X7"}; }
/// Parameter, moment, rate, momentum, window, averages, scalars, gradient, iteration. Curvatures
/// are logarithms, and what is an average of squares is positive.
std::vector<Maker> yellow_fin_inputs(Shape shape, int64_t window, int64_t iteration) {
  return {normal(shape), normal(shape), rate(0.1f), rate(0.5f), uniform({window}, 1, 3), normal(shape), uniform(shape, 1, 9), values<float>({5}, {10, 110, 0.5f, 1, 0.1f}), normal(shape), values<int64_t>({1}, {iteration})};
}
const OperatorSamples yellow_fin("YellowFin", {
    {.name = "first iteration", .args = {{"curv_win_width", 4}}, .inputs = yellow_fin_inputs({2, 3}, 4, 1), .output_names = all_in_place(), .tolerance = 1e-5},
    {.name = "weights", .args = {{"beta", 0.9f}, {"curv_win_width", 4}}, .inputs = yellow_fin_inputs({2, 3, 4, 5}, 4, 6), .output_names = all_in_place(), .tolerance = 1e-5},
    {.name = "arguments", .args = {{"beta", 0.5f}, {"curv_win_width", 3}, {"epsilon", 0.1f}, {"nesterov", 1}, {"zero_debias", 0}}, .inputs = yellow_fin_inputs({7}, 3, 2), .output_names = all_in_place(), .tolerance = 1e-5},
    {.name = "empty", .args = {{"beta", 0.9f}, {"curv_win_width", 2}}, .inputs = yellow_fin_inputs({0}, 2, 3), .output_names = all_in_place(), .tolerance = 1e-5},
});
const OperatorErrors yellow_fin_errors("YellowFin", {
    {.name = "window", .inputs = yellow_fin_inputs({3}, 4, 1), .code = kShape, .says = "20 elements"},
    {.name = "iteration", .args = {{"curv_win_width", 4}}, .inputs = yellow_fin_inputs({3}, 4, 0), .code = ErrorCode::kNumeric, .says = "from 1"},
    {.name = "no window", .args = {{"curv_win_width", 0}}, .inputs = yellow_fin_inputs({3}, 0, 1), .says = "at least 1"},
    {.name = "beta", .args = {{"beta", 1.0f}}, .inputs = yellow_fin_inputs({3}, 20, 1), .says = "[0, 1)"},
});

std::vector<Sample> ftrls() {
  return {
      {.name = "matrix", .inputs = {normal({3, 4}), uniform({3, 4, 2}), normal({3, 4})}},
      {.name = "arguments", .args = {{"alpha", 0.1f}, {"beta", 0.5f}, {"lambda1", 0.9f}, {"lambda2", 0.3f}}, .inputs = {normal({5, 4}), uniform({5, 4, 2}), normal({5, 4})}},
      {.name = "vector", .args = {{"alpha", 0.1f}}, .inputs = {normal({7}), uniform({7, 2}), normal({7})}},
  };
}
std::vector<ErrorSample> ftrl_errors() {
  return {{.name = "sums", .inputs = {normal({3}), normal({3}), normal({3})}, .code = kShape, .says = "6 elements"},
          {.name = "alpha", .args = {{"alpha", 0.0f}}, .inputs = {normal({3}), normal({3, 2}), normal({3})}, .says = "above 0"},
          {.name = "alpha twice", .args = {{"alpha", 0.1f}}, .inputs = {normal({3}), normal({3, 2}), normal({3}), normal({1})}, .says = "leave out"},
          {.name = "gradient", .inputs = {normal({3}), normal({3, 2}), normal({2})}, .code = kShape, .says = "the same"}};
}
const OperatorSamples ftrl("Ftrl", ftrls());
const OperatorSamples ftrl_alpha("Ftrl", {{.name = "alpha as input", .inputs = {normal({7}), uniform({7, 2}), normal({7}), rate(0.1f)}}});
const OperatorErrors ftrl_wrong("Ftrl", ftrl_errors());
const OperatorSamples gftrl("GFtrl", ftrls());
const OperatorErrors gftrl_wrong("GFtrl", ftrl_errors());
// clang-format on

}  // namespace
}  // namespace headrace::testing
