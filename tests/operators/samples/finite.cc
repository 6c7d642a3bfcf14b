#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "tests/operators/compare.h"
#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

// clang-format off
const OperatorSamples enforce_finite("EnforceFinite", {
    {.name = "image", .inputs = {normal({2, 3, 4, 5})}},
    {.name = "largest", .inputs = {values<float>({2}, {std::numeric_limits<float>::max(), -std::numeric_limits<float>::max()})}},
    {.name = "float64", .inputs = {values<double>({2}, {1e300, 0})}},
    {.name = "empty", .inputs = {normal({0})}},
});
const OperatorErrors enforce_finite_errors("EnforceFinite", {
    {.name = "infinite", .inputs = {values<float>({3}, {1, INFINITY, NAN})}, .code = ErrorCode::kNumeric, .says = "element 1 of 3 is inf"},
    {.name = "not a number", .inputs = {values<double>({2}, {1, NAN})}, .code = ErrorCode::kNumeric, .says = "element 1 of 2 is nan"},
    {.name = "integers", .inputs = {integers<int32_t>({3}, 0, 9)}, .code = ErrorCode::kTypeMismatch, .says = "float32"},
});

const OperatorSamples nan_check("NanCheck", {
    {.name = "image", .inputs = {normal({2, 3, 4, 5})}, .gradients = {0}},
    {.name = "others are not checked", .inputs = {normal({3}), values<float>({1}, {NAN}), integers<int32_t>({2}, 0, 9)}, .gradients = {0}},
    {.name = "empty", .inputs = {normal({0})}},
});
const OperatorErrors nan_check_errors("NanCheck", {
    {.name = "infinite", .inputs = {values<float>({2}, {1, -INFINITY})}, .code = ErrorCode::kNumeric, .says = "element 1 of 2 is -inf"},
    {.name = "not a number", .inputs = {values<float>({2}, {NAN, 1})}, .code = ErrorCode::kNumeric, .says = "element 0 of 2 is nan"},
    {.name = "integers", .inputs = {integers<int32_t>({3}, 0, 9)}, .code = ErrorCode::kTypeMismatch, .says = "float32"},
});

const OperatorSamples lp_pool("LpPool", {
    {.name = "euclidean", .args = {{"kernel", 2}}, .inputs = {apart({2, 3, 4, 3})}, .gradients = {0}, .gradient_tolerance = 3e-5, .nhwc_inputs = {0}, .nhwc_outputs = {0}},
    {.name = "cubic", .args = {{"kernel", 3}, {"stride", 2}, {"p", 3.0f}}, .inputs = {apart({1, 2, 5, 7})}, .gradients = {0}, .gradient_tolerance = 3e-5},
    {.name = "sum", .args = {{"kernel", 2}, {"stride", 2}, {"p", 1.0f}}, .inputs = {apart({1, 2, 4, 4})}, .gradients = {0}},
    {.name = "pads", .args = {{"kernel", 2}, {"pad", 1}}, .inputs = {apart({1, 2, 3, 4})}, .gradients = {0}, .gradient_tolerance = 3e-5},
    {.name = "rounded up", .args = {{"kernel", 2}, {"stride", 2}, {"legacy_pad", 3}}, .inputs = {apart({1, 2, 3, 3})}, .gradients = {0}, .gradient_tolerance = 3e-5},
    {.name = "whole image", .args = {{"global_pooling", 1}}, .inputs = {apart({2, 2, 3, 4})}, .gradients = {0}, .gradient_tolerance = 3e-5},
    {.name = "zeros", .args = {{"kernel", 2}}, .inputs = {values<float>({1, 1, 2, 2}, {0, 0, 0, 0})}},
    {.name = "empty", .args = {{"kernel", 2}}, .inputs = {normal({0, 2, 3, 3})}},
});
const OperatorErrors lp_pool_errors("LpPool", {
    {.name = "p", .args = {{"kernel", 2}, {"p", 0.0f}}, .inputs = {normal({1, 1, 3, 3})}, .says = "p > 0"},
    {.name = "integer p", .args = {{"kernel", 2}, {"p", 2}}, .inputs = {normal({1, 1, 3, 3})}, .code = ErrorCode::kInvalidNet, .says = "'f'"},
    {.name = "integers", .args = {{"kernel", 2}}, .inputs = {integers<int32_t>({1, 1, 3, 3}, 0, 9)}, .code = ErrorCode::kTypeMismatch, .says = "float32"},
    {.name = "matrix", .args = {{"kernel", 2}}, .inputs = {normal({3, 3})}, .code = ErrorCode::kShapeMismatch, .says = "3x3"},
});

const OperatorSamples channel_stats("ChannelStats", {
    {.name = "image", .inputs = {normal({2, 3, 4, 5})}, .nhwc_inputs = {0}},
    {.name = "matrix", .inputs = {normal({5, 3})}},
    {.name = "sequence", .inputs = {normal({2, 3, 70})}},
});
const OperatorErrors channel_stats_errors("ChannelStats", {
    {.name = "vector", .inputs = {normal({3})}, .code = ErrorCode::kShapeMismatch, .says = "channels"},
    {.name = "integers", .inputs = {integers<int32_t>({2, 3}, 0, 9)}, .code = ErrorCode::kTypeMismatch, .says = "float32"},
});
const OperatorSamples channel_backprop_stats("ChannelBackpropStats", {
    {.name = "image", .inputs = {normal({2, 3, 4, 5}), normal({3}), uniform({3}), normal({2, 3, 4, 5})}, .nhwc_inputs = {0, 3}},
    {.name = "sequence", .inputs = {normal({2, 3, 7}), normal({3}), uniform({3}), normal({2, 3, 7})}},
});
const OperatorErrors channel_backprop_stats_errors("ChannelBackpropStats", {
    {.name = "mean", .inputs = {normal({2, 3, 4}), normal({2}), normal({3}), normal({2, 3, 4})}, .code = ErrorCode::kShapeMismatch, .says = "one for each channel"},
    {.name = "gradient", .inputs = {normal({2, 3, 4}), normal({3}), normal({3}), normal({2, 3, 5})}, .code = ErrorCode::kShapeMismatch, .says = "the same"},
});
// clang-format on

}  // namespace
}  // namespace headrace::testing
