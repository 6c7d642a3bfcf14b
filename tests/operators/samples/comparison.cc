#include <cmath>

#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

// clang-format off
/// Ways in which two operands of the same kind meet.
std::vector<Sample> broadcasts(const std::function<Maker(Shape)>& make) {
  return {
      {.name = "same shape", .inputs = {make({2, 3, 4, 5}), make({2, 3, 4, 5})}},
      {.name = "long", .inputs = {make({301}), make({301})}},
      {.name = "scalars", .inputs = {make({}), make({})}},
      {.name = "numpy suffix", .inputs = {make({2, 3, 4}), make({4})}},
      {.name = "numpy left", .inputs = {make({4}), make({2, 3, 4})}},
      {.name = "numpy both", .inputs = {make({2, 1, 3}), make({1, 4, 1})}},
      {.name = "empty", .inputs = {make({0, 3}), make({1, 3})}},
      {.name = "legacy suffix", .args = {{"broadcast", 1}}, .inputs = {make({2, 3, 4, 5}), make({4, 5})}},
      {.name = "legacy channels", .args = {{"broadcast", 1}, {"axis", 1}}, .inputs = {make({2, 3, 4, 5}), make({3})}},
      {.name = "legacy scalar", .args = {{"broadcast", 1}}, .inputs = {make({2, 15}), make({})}},
      {.name = "legacy axis_str", .args = {{"broadcast", 1}, {"axis_str", "C"}, {"order", "NHWC"}}, .inputs = {make({2, 3, 4, 5}), make({5})}},
  };
}
Maker few_floats(Shape shape) {
  return [shape](const Rng& rng) {
    Tensor tensor(shape, DType::kFloat32);
    auto data = tensor.data<float>();
    for (size_t i = 0; i < data.size(); ++i) data[i] = std::floor(3 * rng.uniform(i)) - 1;
    return Blob(std::move(tensor));
  };
}
Maker bools(Shape shape) { return integers<bool>(shape, 0, 2); }

std::vector<Sample> comparisons() {
  std::vector<Sample> samples = broadcasts(few_floats);
  samples.push_back({.name = "not a number", .inputs = {values<float>({4}, {NAN, 1, NAN, INFINITY}), values<float>({4}, {1, NAN, NAN, INFINITY})}});
  samples.push_back({.name = "int32", .inputs = {integers<int32_t>({9}, -1, 2), integers<int32_t>({9}, -1, 2)}});
  samples.push_back({.name = "int64", .inputs = {values<int64_t>({2}, {(int64_t{1} << 40) + 1, 3}), values<int64_t>({2}, {int64_t{1} << 40, 3})}});
  samples.push_back({.name = "float64", .inputs = {values<double>({2}, {1 + 1e-12, 3}), values<double>({2}, {1, 3})}});
  samples.push_back({.name = "bool", .inputs = {bools({9}), bools({9})}});
  return samples;
}
std::vector<ErrorSample> comparison_errors() {
  return {
      {.name = "sizes", .inputs = {normal({2, 3}), normal({2})}, .code = ErrorCode::kShapeMismatch, .says = "3 and 2"},
      {.name = "legacy sizes", .args = {{"broadcast", 1}}, .inputs = {normal({2, 3}), normal({2})}, .code = ErrorCode::kShapeMismatch, .says = "NumPy"},
      {.name = "types", .inputs = {normal({3}), integers<int32_t>({3}, 0, 9)}, .code = ErrorCode::kTypeMismatch, .says = "the same"},
      {.name = "strings", .inputs = {strings_of({1}, {"a"}), strings_of({1}, {"a"})}, .code = ErrorCode::kTypeMismatch, .says = "string"},
  };
}
const OperatorSamples eq("EQ", comparisons());
const OperatorSamples ne("NE", comparisons());
const OperatorSamples lt("LT", comparisons());
const OperatorSamples le("LE", comparisons());
const OperatorSamples gt("GT", comparisons());
const OperatorSamples ge("GE", comparisons());
const OperatorErrors eq_errors("EQ", comparison_errors());
const OperatorErrors ne_errors("NE", comparison_errors());
const OperatorErrors lt_errors("LT", comparison_errors());
const OperatorErrors le_errors("LE", comparison_errors());
const OperatorErrors gt_errors("GT", comparison_errors());
const OperatorErrors ge_errors("GE", comparison_errors());

std::vector<ErrorSample> logic_errors() {
  return {
      {.name = "sizes", .inputs = {bools({2, 3}), bools({2})}, .code = ErrorCode::kShapeMismatch, .says = "3 and 2"},
      {.name = "floats", .inputs = {normal({3}), normal({3})}, .code = ErrorCode::kTypeMismatch, .says = "bool"},
      {.name = "types", .inputs = {bools({3}), normal({3})}, .code = ErrorCode::kTypeMismatch, .says = "the same"},
  };
}
const OperatorSamples and_samples("And", broadcasts(bools));
const OperatorSamples or_samples("Or", broadcasts(bools));
const OperatorSamples xor_samples("Xor", broadcasts(bools));
const OperatorErrors and_errors("And", logic_errors());
const OperatorErrors or_errors("Or", logic_errors());
const OperatorErrors xor_errors("Xor", logic_errors());

const OperatorSamples not_samples("Not", {
    {.name = "image", .inputs = {bools({2, 3, 2, 2})}},
    {.name = "scalar", .inputs = {bools({})}},
    {.name = "empty", .inputs = {bools({0, 3})}},
});
const OperatorErrors not_errors("Not", {{.name = "floats", .inputs = {normal({3})}, .code = ErrorCode::kTypeMismatch, .says = "bool"}});

const OperatorSamples where("Where", {
    {.name = "image", .inputs = {bools({2, 3, 4, 5}), normal({2, 3, 4, 5}), normal({2, 3, 4, 5})}},
    {.name = "rows", .args = {{"broadcast_on_rows", 1}}, .inputs = {bools({4}), normal({4, 3, 2}), normal({4, 3, 2})}},
    {.name = "rows of a vector", .args = {{"broadcast_on_rows", 1}}, .inputs = {bools({4}), normal({4}), normal({4})}},
    {.name = "int32", .inputs = {bools({5}), integers<int32_t>({5}, 0, 9), integers<int32_t>({5}, 0, 9)}},
    {.name = "int64", .inputs = {bools({5}), integers<int64_t>({5}, 0, 9), integers<int64_t>({5}, 0, 9)}},
    {.name = "float64", .inputs = {bools({2}), values<double>({2}, {1, 2}), values<double>({2}, {3, 4})}},
    {.name = "bool", .inputs = {bools({5}), bools({5}), bools({5})}},
    {.name = "strings", .inputs = {values<bool>({2}, {true, false}), strings_of({2}, {"a", "b"}), strings_of({2}, {"c", "d"})}},
    {.name = "scalar", .inputs = {bools({}), normal({}), normal({})}},
    {.name = "empty", .inputs = {bools({0}), normal({0}), normal({0})}},
});
const OperatorErrors where_errors("Where", {
    {.name = "condition", .inputs = {normal({3}), normal({3}), normal({3})}, .code = ErrorCode::kTypeMismatch, .says = "bool"},
    {.name = "types", .inputs = {bools({3}), normal({3}), integers<int32_t>({3}, 0, 9)}, .code = ErrorCode::kTypeMismatch, .says = "the same"},
    {.name = "no broadcast", .inputs = {bools({2}), normal({2, 3}), normal({2, 3})}, .code = ErrorCode::kShapeMismatch, .says = "the same"},
    {.name = "rows", .args = {{"broadcast_on_rows", 1}}, .inputs = {bools({3}), normal({2, 3}), normal({2, 3})}, .code = ErrorCode::kShapeMismatch, .says = "each row"},
    {.name = "operands", .inputs = {bools({2, 3}), normal({2, 3}), normal({1, 3})}, .code = ErrorCode::kShapeMismatch, .says = "the same"},
});
// clang-format on

}  // namespace
}  // namespace headrace::testing
