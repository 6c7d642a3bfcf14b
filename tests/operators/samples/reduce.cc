#include <cmath>

#include <gtest/gtest.h>

#include "tests/operators/compare.h"
#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

// clang-format off
/// Ways to reduce axes; `elements` are those of operators with kinks, or any.
std::vector<Sample> axes(const std::function<Maker(Shape)>& elements, std::vector<Sample> more = {}) {
  std::vector<Sample> samples = {
      {.name = "all", .inputs = {elements({2, 3, 4})}, .gradients = {0}},
      {.name = "all without axes", .args = {{"keepdims", 0}}, .inputs = {elements({2, 3})}, .gradients = {0}},
      {.name = "first", .args = {{"axes", ints({0})}}, .inputs = {elements({3, 4})}, .gradients = {0}},
      {.name = "last", .args = {{"axes", ints({-1})}, {"keepdims", 0}}, .inputs = {elements({3, 70})}, .gradients = {0}},
      {.name = "middle", .args = {{"axes", ints({1})}}, .inputs = {elements({2, 3, 4})}, .gradients = {0}},
      {.name = "outer and inner", .args = {{"axes", ints({2, 0})}}, .inputs = {elements({2, 3, 4})}, .gradients = {0}},
      {.name = "pixels", .args = {{"axes", ints({2, 3})}, {"keepdims", 0}}, .inputs = {elements({2, 3, 4, 5})}, .gradients = {0}},
      {.name = "twice the same", .args = {{"axes", ints({0, 0})}}, .inputs = {elements({2, 3})}, .gradients = {0}},
      {.name = "scalar", .inputs = {elements({})}, .gradients = {0}},
      {.name = "no results", .args = {{"axes", ints({0})}}, .inputs = {normal({3, 0})}},
  };
  for (Sample& sample : more) samples.push_back(std::move(sample));
  return samples;
}
Maker any(Shape shape) { return normal(shape); }
Maker distinct(Shape shape) { return apart(shape); }

std::vector<ErrorSample> axis_errors() {
  return {{.name = "axis", .args = {{"axes", ints({2})}}, .inputs = {normal({2, 3})}, .says = "no axis 2"},
          {.name = "negative axis", .args = {{"axes", ints({-3})}}, .inputs = {normal({2, 3})}, .says = "no axis -3"},
          {.name = "bool", .inputs = {values<bool>({1}, {true})}, .code = ErrorCode::kTypeMismatch, .says = "float32"}};
}
std::vector<ErrorSample> choice_errors() {
  std::vector<ErrorSample> errors = axis_errors();
  errors.push_back({.name = "nothing", .args = {{"axes", ints({0})}}, .inputs = {normal({0, 3})}, .code = ErrorCode::kShapeMismatch, .says = "no elements"});
  return errors;
}

const std::vector<Sample> kIntegerSums = {
    {.name = "int32", .args = {{"axes", ints({0})}}, .inputs = {integers<int32_t>({3, 2}, -9, 9)}},
    {.name = "int64", .inputs = {integers<int64_t>({3, 2}, -9, 9)}},
    {.name = "nothing", .args = {{"axes", ints({0})}}, .inputs = {normal({0, 3})}},
    {.name = "float64", .inputs = {values<double>({3}, {1, 1e-14, -1})}},
};
const OperatorSamples reduce_sum("ReduceSum", axes(any, kIntegerSums));
const OperatorErrors reduce_sum_errors("ReduceSum", axis_errors());
const OperatorSamples reduce_mean("ReduceMean", axes(any, {{.name = "nothing", .args = {{"axes", ints({0})}}, .inputs = {normal({0, 3})}}}));
const OperatorErrors reduce_mean_errors("ReduceMean", axis_errors());

const std::vector<Sample> kChoices = {
    {.name = "int32", .args = {{"axes", ints({0})}}, .inputs = {integers<int32_t>({3, 2}, -9, 9)}},
    {.name = "int64", .inputs = {integers<int64_t>({3, 2}, -9, 9)}},
    {.name = "not a number", .args = {{"axes", ints({1})}}, .inputs = {values<float>({2, 2}, {1, NAN, NAN, 1})}, .reference = Reference::kCheck,
     .check = [](const SampleRun& run) { for (float y : run.outputs[0].tensor().data<float>()) EXPECT_TRUE(std::isnan(y)); }},
};
const OperatorSamples reduce_max("ReduceMax", axes(distinct, kChoices));
const OperatorErrors reduce_max_errors("ReduceMax", choice_errors());
const OperatorSamples reduce_min("ReduceMin", axes(distinct, kChoices));
const OperatorErrors reduce_min_errors("ReduceMin", choice_errors());

std::vector<Sample> sides(std::vector<int32_t> lengths) {
  const Shape count{static_cast<int64_t>(lengths.size())};
  return {
      {.name = "one axis", .inputs = {normal({3, 4})}, .gradients = {0}},
      {.name = "two axes", .args = {{"num_reduce_dim", 2}}, .inputs = {normal({2, 3, 4})}, .gradients = {0}},
      {.name = "all axes", .args = {{"num_reduce_dim", 2}}, .inputs = {normal({2, 3})}, .gradients = {0}},
      {.name = "no axis", .args = {{"num_reduce_dim", 0}}, .inputs = {normal({2, 3})}, .gradients = {0}},
      {.name = "vector", .inputs = {normal({5})}, .gradients = {0}},
      {.name = "lengths", .inputs = {normal({3, 3}), values<int32_t>(count, lengths)}, .gradients = {0}},
      // Caffe2 counts the first term all the same.
      {.name = "length 0", .inputs = {normal({3, 3}), values<int32_t>({3}, {0, 0, 0})}, .reference = Reference::kCheck,
       .check = [](const SampleRun& run) { EXPECT_TRUE(same_tensor(run.outputs[0].tensor(), Tensor::from<float>({3}, {0, 0, 0}), 0)); }, .gradients = {0}},
      {.name = "int64", .inputs = {integers<int64_t>({3, 4}, 0, 9)}},
      {.name = "empty", .inputs = {normal({0, 3})}},
      {.name = "empty the other way", .inputs = {normal({3, 0})}},
  };
}
std::vector<ErrorSample> side_errors() {
  return {{.name = "axes", .args = {{"num_reduce_dim", 3}}, .inputs = {normal({2, 3})}, .says = "num_reduce_dim 3"},
          {.name = "negative", .args = {{"num_reduce_dim", -1}}, .inputs = {normal({2, 3})}, .says = "num_reduce_dim -1"},
          {.name = "scalar", .inputs = {normal({})}, .says = "num_reduce_dim 1"},
          {.name = "lengths", .inputs = {normal({3, 3}), values<int32_t>({2}, {1, 1})}, .code = ErrorCode::kShapeMismatch, .says = "one length"},
          {.name = "length", .inputs = {normal({3, 3}), values<int32_t>({3}, {1, 4, 1})}, .code = ErrorCode::kNumeric, .says = "length 4 of result 1"},
          {.name = "negative length", .inputs = {normal({3, 3}), values<int32_t>({3}, {1, 1, -1})}, .code = ErrorCode::kNumeric, .says = "length -1"},
          {.name = "int64 lengths", .inputs = {normal({3, 3}), values<int64_t>({3}, {1, 1, 1})}, .code = ErrorCode::kTypeMismatch, .says = "int32"}};
}
const OperatorSamples front_sum("ReduceFrontSum", sides({1, 2, 3}));
const OperatorSamples front_mean("ReduceFrontMean", sides({1, 2, 3}));
const OperatorSamples back_sum("ReduceBackSum", sides({1, 2, 3}));
const OperatorSamples back_mean("ReduceBackMean", sides({1, 2, 3}));
const OperatorErrors front_sum_errors("ReduceFrontSum", side_errors());
const OperatorErrors front_mean_errors("ReduceFrontMean", side_errors());
const OperatorErrors back_sum_errors("ReduceBackSum", side_errors());
const OperatorErrors back_mean_errors("ReduceBackMean", side_errors());

const OperatorSamples sum_reduce_like("SumReduceLike", {
    {.name = "suffix", .inputs = {normal({2, 3, 4}), normal({3, 4})}},
    {.name = "rows", .args = {{"axis", 0}}, .inputs = {normal({2, 3}), normal({2})}},
    {.name = "channels", .args = {{"axis_str", "C"}}, .inputs = {normal({2, 3, 4, 5}), normal({3})}},
    {.name = "ones", .args = {{"axis", 1}}, .inputs = {normal({2, 3, 4}), normal({3, 1})}},
    {.name = "scalar", .inputs = {normal({2, 3}), normal({})}},
    {.name = "same", .inputs = {normal({2, 3}), normal({2, 3})}},
    {.name = "nothing", .inputs = {normal({0, 3}), normal({3})}},
});
const OperatorErrors sum_reduce_like_errors("SumReduceLike", {
    {.name = "sizes", .inputs = {normal({2, 3}), normal({2})}, .code = ErrorCode::kShapeMismatch, .says = "sizes of B"},
    {.name = "both axes", .args = {{"axis", 0}, {"axis_str", "N"}}, .inputs = {normal({2, 3}), normal({2})}, .says = "not both"},
    {.name = "integers", .inputs = {integers<int32_t>({3}, 0, 9), integers<int32_t>({3}, 0, 9)}, .code = ErrorCode::kTypeMismatch, .says = "float32"},
});
// clang-format on

}  // namespace
}  // namespace headrace::testing
