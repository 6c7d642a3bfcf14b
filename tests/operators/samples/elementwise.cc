#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "tests/operators/compare.h"
#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

// clang-format off
const ErrorSample kIntegers = {.name = "integers", .inputs = {integers<int32_t>({3}, 0, 9)}, .code = ErrorCode::kTypeMismatch, .says = "float32"};

const OperatorSamples scale("Scale", {
    {.name = "image", .args = {{"scale", -2.5f}}, .inputs = {normal({2, 3, 4, 5})}, .gradients = {0}},
    {.name = "default", .inputs = {normal({70})}, .gradients = {0}},
    {.name = "scalar", .args = {{"scale", 3.0f}}, .inputs = {normal({})}, .gradients = {0}},
});
const OperatorErrors scale_errors("Scale", {kIntegers});

const OperatorSamples pow_samples("Pow", {
    {.name = "square", .args = {{"exponent", 2.0f}}, .inputs = {normal({3, 4})}, .gradients = {0}},
    {.name = "root", .args = {{"exponent", 0.5f}}, .inputs = {uniform({3, 4}, 0.5f, 4)}, .gradients = {0}},
    {.name = "inverse root", .args = {{"exponent", -0.5f}}, .inputs = {uniform({2, 3, 2, 2}, 0.5f, 4)}, .gradients = {0}},
    {.name = "exponents", .inputs = {uniform({3, 4}, 0.5f, 4), normal({3, 4})}, .gradients = {0, 1}},
    {.name = "exponents of rows", .args = {{"broadcast", 1}, {"axis", 0}}, .inputs = {uniform({3, 4}, 0.5f, 4), normal({3})}, .gradients = {0, 1}},
    {.name = "exponents of columns", .args = {{"broadcast", 1}}, .inputs = {uniform({2, 3, 4}, 0.5f, 4), normal({4})}, .gradients = {0, 1}},
    {.name = "one exponent", .args = {{"broadcast", 1}}, .inputs = {uniform({3, 4}, 0.5f, 4), normal({1})}, .gradients = {0, 1}},
    {.name = "empty", .args = {{"exponent", 2.0f}}, .inputs = {normal({0, 3})}},
    {.name = "of negative numbers", .args = {{"exponent", 0.5f}}, .inputs = {values<float>({3}, {-1, 0, -8})}},
});
const OperatorErrors pow_errors("Pow", {
    {.name = "integers", .args = {{"exponent", 2.0f}}, .inputs = {integers<int32_t>({3}, 0, 9)}, .code = ErrorCode::kTypeMismatch, .says = "float32"},
    {.name = "no exponent", .inputs = {normal({3})}, .code = ErrorCode::kInvalidNet, .says = "needs the exponent"},
    {.name = "no NumPy broadcast", .inputs = {normal({2, 3}), normal({3})}, .code = ErrorCode::kShapeMismatch, .says = "the same"},
    {.name = "exponents of other sizes", .args = {{"broadcast", 1}}, .inputs = {normal({2, 3}), normal({2})}, .code = ErrorCode::kShapeMismatch, .says = "broadcast: 1"},
    {.name = "integer exponent", .args = {{"exponent", 2}}, .inputs = {normal({3})}, .code = ErrorCode::kInvalidNet, .says = "'f'"},
});
const OperatorSamples sqrt_samples("Sqrt", {
    {.name = "image", .inputs = {uniform({2, 3, 2, 2}, 0.5f, 4)}, .gradients = {0}},
    {.name = "edge", .inputs = {values<float>({3}, {0, -1, 1e30f})}},
});
const OperatorErrors sqrt_errors("Sqrt", {kIntegers});

const OperatorSamples clip("Clip", {
    {.name = "both", .args = {{"min", -1.02f}, {"max", 0.68f}}, .inputs = {apart({2, 3, 4, 2})}, .gradients = {0}},
    {.name = "below", .args = {{"min", 0.0f}}, .inputs = {apart({30})}, .gradients = {0}},
    {.name = "neither", .inputs = {normal({10})}, .gradients = {0}},
    {.name = "not a number", .args = {{"max", 1.0f}}, .inputs = {values<float>({3}, {NAN, INFINITY, -INFINITY})}},
});
const OperatorErrors clip_errors("Clip", {
    kIntegers,
    {.name = "crossed bounds", .args = {{"min", 2.0f}, {"max", 1.0f}}, .inputs = {normal({3})}, .says = "min <= max"},
});

std::vector<Sample> picks() {
  return {
      {.name = "two", .inputs = {apart({2, 3, 2, 2}), apart({2, 3, 2, 2}, 0.13f)}, .gradients = {0, 1}},
      {.name = "three", .inputs = {apart({20}), apart({20}, 0.137f), apart({20}, 0.173f)}, .gradients = {0, 2}},
      {.name = "one", .inputs = {normal({9})}, .gradients = {0}},
      {.name = "scalar", .inputs = {normal({}), values<float>({}, {1})}},
      {.name = "not a number", .inputs = {values<float>({2}, {NAN, 1}), values<float>({2}, {1, NAN})}},
  };
}
std::vector<ErrorSample> pick_errors() {
  return {{.name = "shapes", .inputs = {normal({2, 3}), normal({3})}, .code = ErrorCode::kShapeMismatch, .says = "the same"},
          {.name = "types", .inputs = {normal({3}), integers<int32_t>({3}, 0, 9)}, .code = ErrorCode::kTypeMismatch, .says = "the same"}};
}
const OperatorSamples max_samples("Max", picks());
const OperatorSamples min_samples("Min", picks());
const OperatorErrors max_errors("Max", pick_errors());
const OperatorErrors min_errors("Min", pick_errors());

const OperatorSamples weighted_sum("WeightedSum", {
    {.name = "weight decay", .inputs = {normal({2, 3, 4, 5}), values<float>({1}, {1}), normal({2, 3, 4, 5}), values<float>({1}, {1e-4f})}, .gradients = {0, 2}},
    {.name = "one", .inputs = {normal({7}), values<float>({}, {0.5f})}, .gradients = {0}},
    {.name = "three", .inputs = {normal({2500}), normal({1}), normal({2500}), normal({1}), normal({2500}), normal({1})}, .reference = Reference::kTorch},
    {.name = "gradient of weights", .args = {{"grad_on_w", 1}}, .inputs = {normal({3, 4}), normal({1}), normal({3, 4}), normal({1})}, .gradients = {0, 1, 2, 3}},
});
const OperatorErrors weighted_sum_errors("WeightedSum", {
    {.name = "odd", .inputs = {normal({3}), normal({1}), normal({3})}, .says = "odd"},
    {.name = "weight of two", .inputs = {normal({3}), normal({2})}, .code = ErrorCode::kShapeMismatch, .says = "1 element"},
    {.name = "shapes", .inputs = {normal({3}), normal({1}), normal({1, 3}), normal({1})}, .code = ErrorCode::kShapeMismatch, .says = "the same"},
    {.name = "integer weight", .inputs = {normal({3}), integers<int32_t>({1}, 0, 9)}, .code = ErrorCode::kTypeMismatch, .says = "the same"},
});

std::vector<Sample> copies(bool differentiable) {
  std::vector<int> gradients;
  if (differentiable) gradients.push_back(0);
  return {
      {.name = "image", .inputs = {normal({2, 3, 4, 5})}, .gradients = gradients},
      {.name = "long", .inputs = {normal({1001})}, .reference = Reference::kCheck,
       .check = [](const SampleRun& run) { EXPECT_TRUE(same_blob(run.outputs[0], run.inputs[0], 0)); }},
      {.name = "int8", .inputs = {integers<int8_t>({3}, -5, 5)}},
      {.name = "strings", .inputs = {strings_of({2}, {"a", "bcd"})}},
      {.name = "empty", .inputs = {normal({0, 2})}},
  };
}
const OperatorSamples copy("Copy", copies(true));
const OperatorSamples ensure_cpu_output("EnsureCPUOutput", copies(false));
const OperatorSamples copy_from_cpu_input("CopyFromCPUInput", copies(false));
const OperatorSamples stop_gradient("StopGradient", copies(false));

const std::vector<float> kFractions = {1.7f, -2.5f, 0, 3, -0.9f};
const OperatorSamples cast("Cast", {
    {.name = "float to double", .args = {{"to", 13}, {"from_type", 1}}, .inputs = {normal({2, 3, 2, 2})}},
    {.name = "double to float", .args = {{"to", 1}}, .inputs = {values<double>({3}, {0.1, -2, 1e30})}},
    {.name = "float to int32", .args = {{"to", 2}}, .inputs = {values<float>({5}, kFractions)}},
    {.name = "float to int64", .args = {{"to", 10}}, .inputs = {values<float>({5}, kFractions)}},
    {.name = "float to int8", .args = {{"to", 7}}, .inputs = {values<float>({5}, kFractions)}},
    {.name = "float to int16", .args = {{"to", 9}}, .inputs = {values<float>({5}, kFractions)}},
    {.name = "float to bool", .args = {{"to", 5}}, .inputs = {values<float>({5}, kFractions)}},
    {.name = "float to float", .args = {{"to", "float"}, {"from_type", "float"}}, .inputs = {normal({3, 5})}, .gradients = {0}},
    {.name = "int64 to int32", .args = {{"to", "int32"}}, .inputs = {values<int64_t>({3}, {1, -1, 2147483647})}},
    {.name = "int32 to uint8 keeps low bits", .args = {{"to", 6}}, .inputs = {values<int32_t>({3}, {300, -1, 5})}},
    {.name = "int32 to uint16 keeps low bits", .args = {{"to", 8}}, .inputs = {values<int32_t>({3}, {70000, -1, 5})}},
    {.name = "bool to float", .args = {{"to", 1}}, .inputs = {values<bool>({2}, {true, false})}},
    {.name = "uint8 to float", .args = {{"to", 1}}, .inputs = {integers<uint8_t>({6}, 0, 256)}},
});
const OperatorErrors cast_errors("Cast", {
    {.name = "does not fit", .args = {{"to", 2}}, .inputs = {values<float>({2}, {1, 3e9f})}, .code = ErrorCode::kNumeric, .says = "range of int32"},
    {.name = "just does not fit", .args = {{"to", 2}}, .inputs = {values<float>({1}, {2147483648.0f})}, .code = ErrorCode::kNumeric, .says = "range of int32"},
    {.name = "negative to unsigned", .args = {{"to", 6}}, .inputs = {values<float>({1}, {-1})}, .code = ErrorCode::kNumeric, .says = "range of uint8"},
    {.name = "not a number", .args = {{"to", 10}}, .inputs = {values<float>({1}, {NAN})}, .code = ErrorCode::kNumeric, .says = "nan"},
    {.name = "to nothing", .inputs = {normal({2})}, .code = ErrorCode::kInvalidNet, .says = "missing argument 'to'"},
    {.name = "unknown number", .args = {{"to", 11}}, .inputs = {normal({2})}, .says = "'11'"},
    {.name = "unknown name", .args = {{"to", "floaty"}}, .inputs = {normal({2})}, .says = "'floaty'"},
    {.name = "strings", .args = {{"to", 1}}, .inputs = {strings_of({1}, {"1"})}, .code = ErrorCode::kTypeMismatch, .says = "string"},
});
// clang-format on

}  // namespace
}  // namespace headrace::testing
