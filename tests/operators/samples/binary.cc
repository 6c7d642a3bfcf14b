#include <limits>

#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

// clang-format off
/// Ways in which two operands meet; `b` makes the second one, away from zero for Div.
template <typename MakeB>
std::vector<Sample> broadcasts(MakeB b) {
  return {
      {.name = "same shape", .inputs = {normal({2, 3, 4}), b({2, 3, 4})}, .gradients = {0, 1}},
      {.name = "image", .inputs = {normal({2, 3, 4, 5}), b({2, 3, 4, 5})}, .gradients = {0, 1}},
      {.name = "long", .inputs = {normal({301}), b({301})}, .gradients = {0, 1}},
      {.name = "scalars", .inputs = {normal({}), b({})}, .gradients = {0, 1}},
      {.name = "numpy suffix", .inputs = {normal({2, 3, 4}), b({4})}, .gradients = {0, 1}},
      {.name = "numpy left", .inputs = {normal({4}), b({2, 3, 4})}, .gradients = {0, 1}},
      {.name = "numpy both", .inputs = {normal({2, 1, 3}), b({1, 4, 1})}, .gradients = {0, 1}},
      {.name = "numpy inner one", .inputs = {normal({2, 3, 4, 5}), b({2, 3, 1, 1})}, .gradients = {0, 1}},
      {.name = "numpy scalar", .inputs = {normal({3, 70}), b({1})}, .gradients = {0, 1}},
      {.name = "numpy axis is ignored", .args = {{"axis", 0}}, .inputs = {normal({3, 3}), b({3})}, .gradients = {0, 1}},
      {.name = "empty", .inputs = {normal({0, 3}), b({1, 3})}},
      {.name = "legacy suffix", .args = {{"broadcast", 1}}, .inputs = {normal({2, 3, 4, 5}), b({4, 5})}, .gradients = {0, 1}},
      {.name = "legacy channels", .args = {{"broadcast", 1}, {"axis", 1}}, .inputs = {normal({2, 3, 4, 5}), b({3})}, .gradients = {0, 1}},
      {.name = "legacy inner axes", .args = {{"broadcast", 1}, {"axis", 1}}, .inputs = {normal({2, 3, 4, 5}), b({3, 4})}, .gradients = {0, 1}},
      {.name = "legacy three axes", .args = {{"broadcast", 1}, {"axis", 0}}, .inputs = {normal({2, 3, 4, 2}), b({2, 3, 4})}, .gradients = {0, 1}},
      {.name = "legacy ones at the ends", .args = {{"broadcast", 1}}, .inputs = {normal({2, 3, 4}), b({1, 3, 1})}, .gradients = {0, 1}},
      {.name = "legacy scalar", .args = {{"broadcast", 1}}, .inputs = {normal({2, 150}), b({})}, .gradients = {0, 1}},
      {.name = "legacy axis_str", .args = {{"broadcast", 1}, {"axis_str", "C"}, {"order", "NHWC"}},
       .inputs = {normal({2, 3, 4, 5}), b({5})}, .gradients = {0, 1}},
  };
}

Maker any(Shape shape) { return normal(shape); }
Maker away_from_zero(Shape shape) { return uniform(shape, 0.5f, 3.0f); }

const OperatorSamples add("Add", broadcasts(any));
const OperatorSamples sub("Sub", broadcasts(any));
const OperatorSamples mul("Mul", broadcasts(any));
const OperatorSamples div("Div", broadcasts(away_from_zero));

template <typename T>
Sample typed(const char* name, std::vector<T> a, std::vector<T> b) {
  Shape shape{static_cast<int64_t>(a.size())};
  return {.name = name, .inputs = {values<T>(shape, a), values<T>(shape, b)}};
}

const OperatorSamples add_types("Add", {typed<int32_t>("int32", {1, -7}, {5, 6}), typed<int64_t>("int64", {1, -7}, {5, int64_t{1} << 40}),
                                        typed<double>("float64", {0.1, 0.2}, {0.3, 0.4})});
const OperatorSamples mul_types("Mul", {typed<int32_t>("int32", {1, -7}, {5, 6}), typed<int64_t>("int64", {1, -7}, {5, int64_t{1} << 40})});
const OperatorSamples div_types("Div", {typed<int32_t>("int32", {7, -7, 7, -7}, {2, 2, -2, -2}),
                                        typed<float>("by zero", {1, -1, 0}, {0, 0, 0})});

std::vector<ErrorSample> errors() {
  return {
      {.name = "numpy sizes", .inputs = {normal({2, 3}), normal({2})}, .code = ErrorCode::kShapeMismatch, .says = "3 and 2"},
      {.name = "legacy sizes", .args = {{"broadcast", 1}}, .inputs = {normal({2, 3}), normal({2})},
       .code = ErrorCode::kShapeMismatch, .says = "NumPy"},
      {.name = "legacy inner one", .args = {{"broadcast", 1}}, .inputs = {normal({2, 3, 4, 5}), normal({3, 1, 5})},
       .code = ErrorCode::kShapeMismatch, .says = "3x1x5"},
      {.name = "legacy larger B", .args = {{"broadcast", 1}}, .inputs = {normal({3}), normal({2, 3})},
       .code = ErrorCode::kShapeMismatch, .says = "consecutive"},
      {.name = "legacy axis too large", .args = {{"broadcast", 1}, {"axis", 2}}, .inputs = {normal({2, 3}), normal({3})},
       .code = ErrorCode::kShapeMismatch, .says = "axis 2"},
      {.name = "legacy negative axis", .args = {{"broadcast", 1}, {"axis", -2}}, .inputs = {normal({2, 3}), normal({2})},
       .code = ErrorCode::kShapeMismatch, .says = "axis -2"},
      {.name = "axis and axis_str", .args = {{"broadcast", 1}, {"axis", 1}, {"axis_str", "C"}},
       .inputs = {normal({2, 3}), normal({3})}, .says = "not both"},
      {.name = "unknown axis_str", .args = {{"broadcast", 1}, {"axis_str", "X"}}, .inputs = {normal({2, 3}), normal({3})}, .says = "'X'"},
      {.name = "mixed types", .inputs = {normal({2}), integers<int32_t>({2}, 0, 5)}, .code = ErrorCode::kTypeMismatch, .says = "same"},
      {.name = "bytes", .inputs = {integers<uint8_t>({2}, 0, 5), integers<uint8_t>({2}, 0, 5)},
       .code = ErrorCode::kTypeMismatch, .says = "float32"},
  };
}
const OperatorErrors add_errors("Add", errors());
const OperatorErrors sub_errors("Sub", errors());
const OperatorErrors mul_errors("Mul", errors());
const OperatorErrors div_errors("Div", errors());
const OperatorErrors div_by_zero("Div", {
    {.name = "integer by zero", .inputs = {integers<int32_t>({2}, 1, 5), values<int32_t>({2}, {1, 0})},
     .code = ErrorCode::kNumeric, .says = "zero"}});
// clang-format on

}  // namespace
}  // namespace headrace::testing
