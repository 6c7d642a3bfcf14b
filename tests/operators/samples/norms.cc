#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

// clang-format off
const OperatorSamples squared_l2_distance("SquaredL2Distance", {
    {.name = "matrix", .inputs = {normal({3, 4}), normal({3, 4})}, .gradients = {0, 1}},
    {.name = "image", .inputs = {normal({2, 3, 2, 2}), normal({2, 3, 2, 2})}, .gradients = {0, 1}},
    {.name = "vector", .inputs = {normal({5}), normal({5})}, .gradients = {0, 1}},
    {.name = "scalar", .inputs = {normal({}), normal({})}, .gradients = {0, 1}},
    {.name = "no rows", .inputs = {normal({0, 3}), normal({0, 3})}},
    {.name = "no columns", .inputs = {normal({2, 0}), normal({2, 0})}},
});
const OperatorErrors squared_l2_distance_errors("SquaredL2Distance", {
    {.name = "shapes", .inputs = {normal({2, 3}), normal({3, 2})}, .code = ErrorCode::kShapeMismatch, .says = "the same"},
    {.name = "types", .inputs = {normal({3}), integers<int32_t>({3}, 0, 9)}, .code = ErrorCode::kTypeMismatch, .says = "the same"},
    {.name = "integers", .inputs = {integers<int32_t>({3}, 0, 9), integers<int32_t>({3}, 0, 9)}, .code = ErrorCode::kTypeMismatch, .says = "float32"},
});

const OperatorSamples cross_entropy("SigmoidCrossEntropyWithLogits", {
    {.name = "matrix", .inputs = {normal({3, 4}), uniform({3, 4})}, .gradients = {0}},
    {.name = "generator", .args = {{"log_D_trick", 1}}, .inputs = {normal({3, 4}), uniform({3, 4})}, .gradients = {0}},
    {.name = "unjoined", .args = {{"unjoined_lr_loss", 1}}, .inputs = {normal({3, 4}), uniform({3, 4})}, .gradients = {0}},
    {.name = "image", .inputs = {normal({2, 3, 2, 2}), uniform({2, 3, 2, 2})}, .gradients = {0}},
    {.name = "vector", .inputs = {normal({5}), uniform({5})}, .gradients = {0}},
    {.name = "scalar", .inputs = {normal({}), uniform({})}, .gradients = {0}},
    {.name = "large", .inputs = {values<float>({4, 1}, {100, -100, 100, -100}), values<float>({4, 1}, {1, 0, 0, 1})}},
    {.name = "no rows", .inputs = {normal({0, 2}), normal({0, 2})}},
});
const OperatorErrors cross_entropy_errors("SigmoidCrossEntropyWithLogits", {
    {.name = "shapes", .inputs = {normal({2, 3}), normal({6})}, .code = ErrorCode::kShapeMismatch, .says = "the same"},
    {.name = "both", .args = {{"log_D_trick", 1}, {"unjoined_lr_loss", 1}}, .inputs = {normal({2, 3}), normal({2, 3})}, .says = "exclude"},
    {.name = "integer targets", .inputs = {normal({3}), integers<int32_t>({3}, 0, 2)}, .code = ErrorCode::kTypeMismatch, .says = "the same"},
});

const OperatorSamples normalize("Normalize", {
    {.name = "rows", .inputs = {normal({3, 4})}, .gradients = {0}},
    {.name = "columns", .args = {{"axis", 0}}, .inputs = {normal({3, 4})}, .gradients = {0}},
    {.name = "middle axis", .args = {{"axis", -2}}, .inputs = {normal({2, 3, 4})}, .gradients = {0}},
    {.name = "vector", .inputs = {normal({5})}, .gradients = {0}},
    {.name = "zero", .inputs = {values<float>({2, 2}, {0, 0, 1e-13f, 0})}},
    {.name = "no rows", .inputs = {normal({0, 3})}},
});
const OperatorErrors normalize_errors("Normalize", {
    {.name = "axis", .args = {{"axis", 2}}, .inputs = {normal({2, 3})}, .says = "no axis 2"},
    {.name = "scalar", .inputs = {normal({})}, .says = "no axis -1"},
    {.name = "integers", .inputs = {integers<int32_t>({3}, 0, 9)}, .code = ErrorCode::kTypeMismatch, .says = "float32"},
});

const OperatorSamples elementwise_linear("ElementwiseLinear", {
    {.name = "matrix", .inputs = {normal({3, 4}), normal({4}), normal({4})}, .gradients = {0, 1, 2}},
    {.name = "two axes", .inputs = {normal({2, 3, 2}), normal({6}), normal({6})}, .gradients = {0, 1, 2}},
    {.name = "last axis", .args = {{"axis", -1}}, .inputs = {normal({2, 3, 4}), normal({4}), normal({4})}, .gradients = {0, 1, 2}},
    {.name = "all axes", .args = {{"axis", 0}}, .inputs = {normal({2, 3}), normal({6}), normal({6})}, .gradients = {0, 1, 2}},
    {.name = "no rows", .inputs = {normal({0, 3}), normal({3}), normal({3})}},
});
const OperatorErrors elementwise_linear_errors("ElementwiseLinear", {
    {.name = "w", .inputs = {normal({2, 3}), normal({2}), normal({3})}, .code = ErrorCode::kShapeMismatch, .says = "one for each channel"},
    {.name = "b", .inputs = {normal({2, 3}), normal({3}), normal({1})}, .code = ErrorCode::kShapeMismatch, .says = "one for each channel"},
    {.name = "axis", .args = {{"axis", 2}}, .inputs = {normal({2, 3}), normal({3}), normal({3})}, .says = "no axis 2"},
    {.name = "types", .inputs = {normal({2, 3}), integers<int32_t>({3}, 0, 9), normal({3})}, .code = ErrorCode::kTypeMismatch, .says = "the same"},
});

const OperatorSamples affine_channel("AffineChannel", {
    {.name = "image", .args = {{"is_learnable", 1}}, .inputs = {normal({2, 3, 4, 5}), normal({3}), normal({3})}, .gradients = {0, 1, 2}, .nhwc_inputs = {0}, .nhwc_outputs = {0}},
    {.name = "fixed", .inputs = {normal({2, 3, 4, 5}), normal({3}), normal({3})}, .gradients = {0}},
    {.name = "matrix", .args = {{"is_learnable", 1}}, .inputs = {normal({4, 3}), normal({3}), normal({3})}, .gradients = {0, 1, 2}},
    {.name = "sequence", .inputs = {normal({2, 3, 5}), normal({3}), normal({3})}, .gradients = {0}},
});
const OperatorErrors affine_channel_errors("AffineChannel", {
    {.name = "scale", .inputs = {normal({2, 3}), normal({2}), normal({3})}, .code = ErrorCode::kShapeMismatch, .says = "one for each channel"},
    {.name = "vector", .inputs = {normal({3}), normal({3}), normal({3})}, .code = ErrorCode::kShapeMismatch, .says = "channels"},
    {.name = "order", .args = {{"order", "CNHW"}}, .inputs = {normal({2, 3}), normal({3}), normal({3})}, .says = "NHWC"},
});

const OperatorSamples instance_norm("InstanceNorm", {
    {.name = "image", .inputs = {normal({2, 3, 4, 5}), normal({3}), normal({3})}, .outputs = 3, .tolerance = 3e-6, .gradients = {0, 1, 2}, .gradient_outputs = {0}, .gradient_tolerance = 2e-5, .nhwc_inputs = {0}, .nhwc_outputs = {0}},
    {.name = "statistics again", .inputs = {normal({2, 3, 4, 5}), normal({3}), normal({3})}, .tolerance = 3e-6, .gradients = {0, 1, 2}, .gradient_tolerance = 2e-5},
    {.name = "epsilon", .args = {{"epsilon", 0.1f}}, .inputs = {normal({2, 3, 3, 2}), normal({3}), normal({3})}, .outputs = 2, .tolerance = 3e-6, .gradients = {0, 1, 2}, .gradient_outputs = {0}, .gradient_tolerance = 2e-5},
    {.name = "sequence", .inputs = {normal({2, 3, 7}), normal({3}), normal({3})}, .outputs = 3, .tolerance = 3e-6, .gradients = {0, 1, 2}, .gradient_outputs = {0}, .gradient_tolerance = 2e-5},
    {.name = "volume", .inputs = {normal({2, 2, 2, 3, 2}), normal({2}), normal({2})}, .outputs = 3, .tolerance = 3e-6},
});
const OperatorErrors instance_norm_errors("InstanceNorm", {
    {.name = "scale", .inputs = {normal({2, 3, 4, 5}), normal({2}), normal({3})}, .code = ErrorCode::kShapeMismatch, .says = "one for each channel"},
    {.name = "bias", .inputs = {normal({2, 3, 4, 5}), normal({3}), normal({5})}, .code = ErrorCode::kShapeMismatch, .says = "one for each channel"},
    {.name = "epsilon", .args = {{"epsilon", -1.0f}}, .inputs = {normal({2, 3, 4, 5}), normal({3}), normal({3})}, .says = "negative"},
    {.name = "vector", .inputs = {normal({3}), normal({3}), normal({3})}, .code = ErrorCode::kShapeMismatch, .says = "channels"},
    {.name = "integers", .inputs = {integers<int32_t>({2, 3, 4}, 0, 9), normal({3}), normal({3})}, .code = ErrorCode::kTypeMismatch, .says = "float32"},
});

const OperatorSamples group_norm("GroupNorm", {
    {.name = "training", .args = {{"group", 2}, {"is_test", 0}}, .inputs = {normal({2, 6, 3, 4}), normal({6}), normal({6})}, .outputs = 3, .tolerance = 3e-6, .gradients = {0, 1, 2}, .gradient_outputs = {0}, .gradient_tolerance = 2e-5, .nhwc_inputs = {0}, .nhwc_outputs = {0}},
    {.name = "test", .args = {{"group", 3}}, .inputs = {normal({2, 6, 3, 4}), normal({6}), normal({6})}, .tolerance = 3e-6},
    {.name = "one group", .args = {{"group", 1}, {"is_test", 0}, {"epsilon", 0.1f}}, .inputs = {normal({2, 4, 5}), normal({4}), normal({4})}, .outputs = 3, .tolerance = 3e-6, .gradients = {0, 1, 2}, .gradient_outputs = {0}, .gradient_tolerance = 2e-5},
    {.name = "matrix", .args = {{"group", 2}, {"is_test", 0}}, .inputs = {normal({3, 8}), normal({8}), normal({8})}, .outputs = 3, .tolerance = 3e-6, .gradients = {0, 1, 2}, .gradient_outputs = {0}, .gradient_tolerance = 2e-5},
    {.name = "default", .inputs = {normal({1, 64, 2, 2}), normal({64}), normal({64})}, .tolerance = 3e-6},
});
const OperatorErrors group_norm_errors("GroupNorm", {
    {.name = "groups", .args = {{"group", 4}}, .inputs = {normal({2, 6, 3, 4}), normal({6}), normal({6})}, .says = "6 channels"},
    {.name = "no group", .args = {{"group", 0}}, .inputs = {normal({2, 6, 3, 4}), normal({6}), normal({6})}, .says = "0 groups"},
    {.name = "outputs", .args = {{"group", 2}, {"is_test", 0}}, .inputs = {normal({2, 6}), normal({6}), normal({6})}, .outputs = 1, .code = ErrorCode::kInvalidNet, .says = "3 outputs"},
    {.name = "gamma", .args = {{"group", 2}}, .inputs = {normal({2, 6}), normal({3}), normal({6})}, .code = ErrorCode::kShapeMismatch, .says = "one for each channel"},
});

const OperatorSamples layer_norm("LayerNorm", {
    {.name = "matrix", .inputs = {normal({3, 5})}, .outputs = 3, .tolerance = 3e-6, .gradients = {0}, .gradient_outputs = {0}, .gradient_tolerance = 2e-5},
    {.name = "last axis", .args = {{"axis", 2}}, .inputs = {normal({2, 3, 7})}, .outputs = 3, .tolerance = 3e-6, .gradients = {0}, .gradient_outputs = {0}, .gradient_tolerance = 2e-5},
    {.name = "all axes", .args = {{"axis", 0}, {"epsilon", 0.1f}}, .inputs = {normal({2, 6})}, .outputs = 3, .tolerance = 3e-6, .gradients = {0}, .gradient_outputs = {0}, .gradient_tolerance = 2e-5},
    {.name = "affine", .args = {{"elementwise_affine", 1}}, .inputs = {normal({3, 2, 3}), normal({6}), normal({6})}, .outputs = 3, .tolerance = 3e-6, .gradients = {0, 1, 2}, .gradient_outputs = {0}, .gradient_tolerance = 2e-5},
    {.name = "affine not asked for", .inputs = {normal({3, 4}), normal({4}), normal({4})}, .outputs = 3, .tolerance = 3e-6, .gradients = {0}, .gradient_outputs = {0}, .gradient_tolerance = 2e-5},
    {.name = "no rows", .inputs = {normal({0, 3})}, .outputs = 3},
    {.name = "no columns", .inputs = {normal({2, 0})}, .outputs = 3},
});
const OperatorErrors layer_norm_errors("LayerNorm", {
    {.name = "vector", .inputs = {normal({3})}, .code = ErrorCode::kShapeMismatch, .says = "fewer than 2"},
    {.name = "axis", .args = {{"axis", 2}}, .inputs = {normal({2, 3})}, .says = "no axis 2"},
    {.name = "no gamma", .args = {{"elementwise_affine", 1}}, .inputs = {normal({2, 3})}, .code = ErrorCode::kInvalidNet, .says = "gamma"},
    {.name = "gamma", .args = {{"elementwise_affine", 1}}, .inputs = {normal({2, 3}), normal({2}), normal({3})}, .code = ErrorCode::kShapeMismatch, .says = "3 elements"},
    {.name = "two inputs", .inputs = {normal({2, 3}), normal({3})}, .code = ErrorCode::kInvalidNet, .says = "2 inputs"},
    {.name = "epsilon", .args = {{"epsilon", -1.0f}}, .inputs = {normal({2, 3})}, .says = "negative"},
});
// clang-format on

}  // namespace
}  // namespace headrace::testing
