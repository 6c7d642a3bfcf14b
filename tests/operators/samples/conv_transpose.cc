#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

// clang-format off
/// oneDNN may sum in another order at another width.
std::vector<Sample> convolutions(std::vector<Sample> samples) {
  for (Sample& sample : samples) {
    sample.width_changes_rounding = true;
    sample.tolerance = 3e-6;
    sample.gradient_tolerance = 2e-5;
  }
  return samples;
}

const OperatorSamples conv_transpose("ConvTranspose", convolutions({
    {.name = "2x2", .args = {{"kernel", 2}}, .inputs = {normal({2, 3, 3, 4}), normal({3, 4, 2, 2}), normal({4})}, .gradients = {0, 1, 2}, .nhwc_inputs = {0, 1}, .nhwc_outputs = {0}},
    {.name = "without bias", .args = {{"kernel", 2}, {"stride", 2}}, .inputs = {normal({1, 2, 3, 3}), normal({2, 3, 2, 2})}, .gradients = {0, 1}, .nhwc_inputs = {0, 1}, .nhwc_outputs = {0}},
    {.name = "adj", .args = {{"kernel", 3}, {"stride", 2}, {"pad", 1}, {"adj", 1}}, .inputs = {normal({1, 2, 3, 4}), normal({2, 3, 3, 3}), normal({3})}, .gradients = {0, 1, 2}},
    {.name = "lists", .args = {{"kernels", ints({3, 2})}, {"strides", ints({2, 3})}, {"pads", ints({1, 0, 1, 1})}, {"adjs", ints({1, 2})}}, .inputs = {normal({1, 2, 3, 3}), normal({2, 3, 3, 2}), normal({3})}, .gradients = {0, 1, 2}},
    {.name = "pairs", .args = {{"kernel_h", 2}, {"kernel_w", 3}, {"stride_h", 2}, {"stride_w", 1}, {"adj_h", 1}, {"adj_w", 0}}, .inputs = {normal({1, 2, 3, 3}), normal({2, 3, 2, 3}), normal({3})}, .gradients = {0, 1, 2}},
    {.name = "groups", .args = {{"kernel", 2}, {"group", 2}}, .inputs = {normal({2, 4, 3, 3}), normal({4, 3, 2, 2}), normal({6})}, .gradients = {0, 1, 2}},
    {.name = "no images", .args = {{"kernel", 2}}, .inputs = {normal({0, 2, 3, 3}), normal({2, 3, 2, 2}), normal({3})}},
    {.name = "one axis", .args = {{"kernel", 3}, {"stride", 2}}, .inputs = {normal({2, 3, 4}), normal({3, 2, 3}), normal({2})}, .reference = Reference::kTorch, .gradients = {0, 1, 2}},
    {.name = "three axes", .args = {{"kernel", 2}, {"stride", 2}}, .inputs = {normal({1, 2, 2, 3, 2}), normal({2, 3, 2, 2, 2}), normal({3})}, .reference = Reference::kTorch, .gradients = {0, 1, 2}},
}));
const OperatorErrors conv_transpose_errors("ConvTranspose", {
    {.name = "no kernel", .inputs = {normal({1, 2, 3, 3}), normal({2, 3, 2, 2})}, .says = "kernel"},
    {.name = "adj", .args = {{"kernel", 2}, {"stride", 2}, {"adj", 2}}, .inputs = {normal({1, 2, 3, 3}), normal({2, 3, 2, 2})}, .says = "below the stride"},
    {.name = "dilation", .args = {{"kernel", 2}, {"dilation", 2}}, .inputs = {normal({1, 2, 3, 3}), normal({2, 3, 2, 2})}, .says = "no dilation"},
    {.name = "legacy pad", .args = {{"kernel", 2}, {"legacy_pad", 2}}, .inputs = {normal({1, 2, 3, 3}), normal({2, 3, 2, 2})}, .says = "legacy_pad"},
    {.name = "channels", .args = {{"kernel", 2}}, .inputs = {normal({1, 2, 3, 3}), normal({3, 3, 2, 2})}, .code = ErrorCode::kShapeMismatch, .says = "the filter must have shape"},
    {.name = "bias", .args = {{"kernel", 2}}, .inputs = {normal({1, 2, 3, 3}), normal({2, 3, 2, 2}), normal({2})}, .code = ErrorCode::kShapeMismatch, .says = "one bias"},
    {.name = "bias that is not to be", .args = {{"kernel", 2}, {"no_bias", 1}}, .inputs = {normal({1, 2, 3, 3}), normal({2, 3, 2, 2}), normal({3})}, .says = "contradicts"},
    {.name = "pads", .args = {{"kernel", 2}, {"pad", 3}}, .inputs = {normal({1, 2, 3, 3}), normal({2, 3, 2, 2})}, .code = ErrorCode::kShapeMismatch, .says = "leave nothing"},
    {.name = "groups", .args = {{"kernel", 2}, {"group", 3}}, .inputs = {normal({1, 4, 3, 3}), normal({4, 3, 2, 2})}, .code = ErrorCode::kShapeMismatch, .says = "3 groups"},
    {.name = "stride", .args = {{"kernel", 2}, {"stride", int64_t{1} << 62}}, .inputs = {normal({1, 2, 9, 3}), normal({2, 3, 2, 2})}, .says = "at most 2147483647"},
    {.name = "integers", .args = {{"kernel", 2}}, .inputs = {integers<int32_t>({1, 2, 3, 3}, 0, 9), normal({2, 3, 2, 2})}, .code = ErrorCode::kTypeMismatch, .says = "float32"},
});
// clang-format on

}  // namespace
}  // namespace headrace::testing
