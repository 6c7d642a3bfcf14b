#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

// clang-format off
std::vector<Sample> activations() {
  return {
      {.name = "image", .inputs = {normal({2, 3, 4, 5})}, .gradients = {0}},
      {.name = "long", .inputs = {uniform({131}, -5, 5)}, .gradients = {0}},
      {.name = "scalar", .inputs = {normal({})}, .gradients = {0}},
      {.name = "empty", .inputs = {normal({0})}},
      {.name = "saturated", .inputs = {values<float>({5}, {-1000, -90, 0, 90, 1000})}},
  };
}
std::vector<ErrorSample> errors() {
  return {{.name = "integers", .inputs = {integers<int32_t>({3}, 0, 9)}, .code = ErrorCode::kTypeMismatch, .says = "float32"}};
}
const OperatorSamples sigmoid("Sigmoid", activations());
const OperatorSamples tanh_samples("Tanh", activations());
const OperatorErrors sigmoid_errors("Sigmoid", errors());
const OperatorErrors tanh_errors("Tanh", errors());
// clang-format on

}  // namespace
}  // namespace headrace::testing
