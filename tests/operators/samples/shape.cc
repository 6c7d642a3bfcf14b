#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

// clang-format off
const OperatorSamples concat("Concat", {
    {.name = "axis 0", .args = {{"axis", 0}}, .inputs = {normal({2, 3}), normal({1, 3})}, .gradients = {0, 1}},
    {.name = "axis 1", .args = {{"axis", 1}}, .inputs = {normal({2, 3}), normal({2, 1}), normal({2, 4})}, .gradients = {0, 1, 2}},
    {.name = "last axis", .args = {{"axis", -1}}, .inputs = {normal({2, 3, 2}), normal({2, 3, 5})}, .gradients = {0, 1}},
    {.name = "channels", .inputs = {normal({2, 3, 2, 2}), normal({2, 1, 2, 2})}, .gradients = {0, 1}, .nhwc_inputs = {0, 1}, .nhwc_outputs = {0}},
    {.name = "spatial", .args = {{"axis", 2}}, .inputs = {normal({2, 3, 2, 4}), normal({2, 3, 1, 4})}, .gradients = {0, 1}},
    {.name = "one", .args = {{"axis", 0}}, .inputs = {normal({2, 3})}, .gradients = {0}},
    {.name = "nothing joined", .args = {{"axis", 1}}, .inputs = {normal({2, 3}), normal({2, 0})}},
    {.name = "new axis in front", .args = {{"axis", 0}, {"add_axis", 1}}, .inputs = {normal({2, 3}), normal({2, 3})}, .gradients = {0, 1}},
    {.name = "new axis inside", .args = {{"axis", 1}, {"add_axis", 1}}, .inputs = {normal({2, 3, 4}), normal({2, 3, 4})}, .gradients = {0, 1}},
    {.name = "new axis at the end", .args = {{"axis", -1}, {"add_axis", 1}}, .inputs = {normal({2, 3}), normal({2, 3})}, .gradients = {0, 1}},
    {.name = "add_axis without axis", .args = {{"add_axis", 1}}, .inputs = {normal({2, 3}), normal({2, 3})}},
    {.name = "int64", .args = {{"axis", 0}}, .inputs = {values<int64_t>({2}, {1, 2}), values<int64_t>({1}, {3})}},
    {.name = "uint8", .args = {{"axis", 0}}, .inputs = {integers<uint8_t>({2}, 0, 9), integers<uint8_t>({3}, 0, 9)}},
    {.name = "strings", .args = {{"axis", 0}}, .inputs = {strings_of({2}, {"a", "b"}), strings_of({1}, {"c"})}},
});
const OperatorErrors concat_errors("Concat", {
    {.name = "sizes", .args = {{"axis", 1}}, .inputs = {normal({2, 3}), normal({3, 3})}, .outputs = 2, .code = ErrorCode::kShapeMismatch, .says = "on axis 1 only"},
    {.name = "ranks", .args = {{"axis", 1}}, .inputs = {normal({2, 3}), normal({2})}, .code = ErrorCode::kShapeMismatch, .says = "2 dimensions"},
    {.name = "types", .args = {{"axis", 1}}, .inputs = {normal({2, 3}), integers<int32_t>({2, 3}, 0, 9)}, .code = ErrorCode::kTypeMismatch, .says = "the same"},
    {.name = "axis", .args = {{"axis", 5}}, .inputs = {normal({2, 3}), normal({2, 3})}, .code = ErrorCode::kShapeMismatch, .says = "axis 5"},
    {.name = "axis and order", .args = {{"axis", 1}, {"order", "NCHW"}}, .inputs = {normal({2, 3}), normal({2, 3})}, .says = "not both"},
    {.name = "no channels", .args = {{"order", "NHWC"}}, .inputs = {normal({2, 3}), normal({2, 3})}, .code = ErrorCode::kShapeMismatch, .says = "axis 3"},
    {.name = "stacked shapes", .args = {{"axis", 0}, {"add_axis", 1}}, .inputs = {normal({2, 3}), normal({1, 3})}, .code = ErrorCode::kShapeMismatch, .says = "nowhere"},
    {.name = "one output", .args = {{"axis", 0}}, .inputs = {normal({2, 3})}, .outputs = 1, .code = ErrorCode::kInvalidNet, .says = "outputs"},
});

const OperatorSamples split("Split", {
    {.name = "equal", .args = {{"axis", 0}}, .inputs = {normal({4, 3})}, .outputs = 2, .gradients = {0}},
    {.name = "sizes", .args = {{"axis", 1}, {"split", ints({1, 3})}}, .inputs = {normal({2, 4})}, .outputs = 2, .gradients = {0}},
    {.name = "sizes as input", .args = {{"axis", 1}}, .inputs = {normal({2, 4}), values<int32_t>({2}, {1, 3})}, .outputs = 2, .gradients = {0}},
    {.name = "last axis", .args = {{"axis", -1}}, .inputs = {normal({2, 2, 6})}, .outputs = 3, .gradients = {0}},
    {.name = "channels", .inputs = {normal({2, 4, 2, 2})}, .outputs = 2, .gradients = {0}, .nhwc_inputs = {0}, .nhwc_outputs = {0, 1}},
    {.name = "one", .args = {{"axis", 0}}, .inputs = {normal({2, 3})}, .outputs = 1, .gradients = {0}},
    {.name = "an empty part", .args = {{"axis", 0}, {"split", ints({2, 0})}}, .inputs = {normal({2, 4})}, .outputs = 2},
    {.name = "axis removed", .args = {{"axis", 1}, {"add_axis", 1}}, .inputs = {normal({2, 3, 4, 2})}, .outputs = 3, .gradients = {0}},
    {.name = "int64", .args = {{"axis", 0}}, .inputs = {values<int64_t>({4}, {1, 2, 3, 4})}, .outputs = 2},
});
const OperatorErrors split_errors("Split", {
    {.name = "unequal", .args = {{"axis", 0}}, .inputs = {normal({3, 4})}, .outputs = 2, .code = ErrorCode::kShapeMismatch, .says = "equal parts"},
    {.name = "sum", .args = {{"axis", 1}, {"split", ints({1, 2})}}, .inputs = {normal({2, 4})}, .outputs = 2, .code = ErrorCode::kShapeMismatch, .says = "1, 2"},
    {.name = "count", .args = {{"axis", 1}, {"split", ints({1, 1, 2})}}, .inputs = {normal({2, 4})}, .outputs = 2, .says = "3 sizes for 2"},
    {.name = "negative", .args = {{"axis", 1}, {"split", ints({-1, 5})}}, .inputs = {normal({2, 4})}, .outputs = 2, .says = "-1, 5"},
    {.name = "sizes twice", .args = {{"axis", 1}, {"split", ints({2, 2})}}, .inputs = {normal({2, 4}), values<int32_t>({2}, {1, 3})}, .outputs = 2, .says = "leave out"},
    {.name = "int64 sizes", .args = {{"axis", 1}}, .inputs = {normal({2, 4}), values<int64_t>({2}, {1, 3})}, .outputs = 2, .code = ErrorCode::kTypeMismatch, .says = "int32"},
});

const OperatorSamples reshape("Reshape", {
    {.name = "shape", .args = {{"shape", ints({6, 4})}}, .inputs = {normal({2, 3, 4})}, .gradients = {0}},
    {.name = "keep and infer", .args = {{"shape", ints({0, -1})}}, .inputs = {normal({2, 3, 4})}, .gradients = {0}},
    {.name = "infer then keep", .args = {{"shape", ints({-1, 0})}}, .inputs = {normal({4, 6})}, .gradients = {0}},
    {.name = "more axes", .args = {{"shape", ints({24, 1, 1})}}, .inputs = {normal({2, 3, 4})}, .gradients = {0}},
    {.name = "scalar", .args = {{"shape", ints({})}}, .inputs = {normal({1})}, .gradients = {0}},
    {.name = "shape input", .inputs = {normal({2, 3, 2, 2}), values<int64_t>({2}, {6, 4})}, .gradients = {0}},
    {.name = "int32 shape input", .inputs = {normal({2, 3, 4}), values<int32_t>({2}, {6, -1})}, .gradients = {0}},
    {.name = "empty", .args = {{"shape", ints({0, -1})}}, .inputs = {normal({0, 3})}},
    {.name = "int32 elements", .args = {{"shape", ints({3, 2})}}, .inputs = {integers<int32_t>({2, 3}, 0, 9)}},
});
const OperatorErrors reshape_errors("Reshape", {
    {.name = "elements", .args = {{"shape", ints({2, 3})}}, .inputs = {normal({2, 3, 4})}, .code = ErrorCode::kShapeMismatch, .says = "24 elements"},
    {.name = "does not divide", .args = {{"shape", ints({5, -1})}}, .inputs = {normal({2, 3, 4})}, .code = ErrorCode::kShapeMismatch, .says = "5x-1"},
    {.name = "two open", .args = {{"shape", ints({-1, -1})}}, .inputs = {normal({2, 3, 4})}, .says = "only one"},
    {.name = "negative", .args = {{"shape", ints({-2, 12})}}, .inputs = {normal({2, 3, 4})}, .says = "-2"},
    {.name = "nothing given", .inputs = {normal({2, 3, 4})}, .says = "needs the new shape"},
    {.name = "given twice", .args = {{"shape", ints({24})}}, .inputs = {normal({2, 3, 4}), values<int64_t>({1}, {24})}, .says = "leave out"},
    {.name = "float shape", .inputs = {normal({2}), normal({1})}, .code = ErrorCode::kTypeMismatch, .says = "int64"},
    {.name = "matrix shape", .inputs = {normal({2}), values<int64_t>({1, 1}, {2})}, .code = ErrorCode::kShapeMismatch, .says = "1 dimension"},
});

const OperatorSamples flatten("Flatten", {
    {.name = "image", .inputs = {normal({2, 3, 2, 2})}, .gradients = {0}},
    {.name = "axis 0", .args = {{"axis", 0}}, .inputs = {normal({2, 3, 4})}, .gradients = {0}},
    {.name = "axis 2", .args = {{"axis", 2}}, .inputs = {normal({2, 3, 4})}, .gradients = {0}},
    {.name = "axis 3", .args = {{"axis", 3}}, .inputs = {normal({2, 3, 4})}, .gradients = {0}},
    {.name = "vector", .inputs = {normal({3})}, .gradients = {0}},
    {.name = "scalar", .args = {{"axis", 0}}, .inputs = {normal({})}, .gradients = {0}},
});
const OperatorErrors flatten_errors("Flatten", {
    {.name = "axis", .args = {{"axis", 4}}, .inputs = {normal({2, 3, 4})}, .code = ErrorCode::kShapeMismatch, .says = "axis 4"},
    {.name = "negative axis", .args = {{"axis", -1}}, .inputs = {normal({2, 3, 4})}, .code = ErrorCode::kShapeMismatch, .says = "axis -1"},
});
const OperatorSamples resize_like("ResizeLike", {
    {.name = "shape", .inputs = {normal({2, 3, 4}), normal({6, 4})}},
});
const OperatorErrors resize_like_errors("ResizeLike", {
    {.name = "elements", .inputs = {normal({2, 3, 4}), normal({6, 5})}, .code = ErrorCode::kShapeMismatch, .says = "30 elements"},
});

const OperatorSamples transpose("Transpose", {
    {.name = "matrix", .inputs = {normal({2, 3})}, .gradients = {0}},
    {.name = "reversed", .inputs = {normal({2, 3, 4})}, .gradients = {0}},
    {.name = "axes", .args = {{"axes", ints({2, 0, 1})}}, .inputs = {normal({2, 3, 4})}, .gradients = {0}},
    {.name = "same order", .args = {{"axes", ints({0, 1})}}, .inputs = {normal({2, 3})}, .gradients = {0}},
    {.name = "six axes", .args = {{"axes", ints({5, 1, 3, 0, 2, 4})}}, .inputs = {normal({1, 2, 1, 3, 2, 2})}, .gradients = {0}},
    {.name = "vector", .inputs = {normal({3})}, .gradients = {0}},
    {.name = "scalar", .inputs = {normal({})}},
    {.name = "empty", .inputs = {normal({2, 0, 3})}},
    {.name = "int32", .inputs = {integers<int32_t>({2, 3}, 0, 9)}},
});
const OperatorErrors transpose_errors("Transpose", {
    {.name = "too few", .args = {{"axes", ints({0, 1})}}, .inputs = {normal({2, 3, 4})}, .says = "each of the 3 axes"},
    {.name = "twice", .args = {{"axes", ints({0, 0, 1})}}, .inputs = {normal({2, 3, 4})}, .says = "0, 0, 1"},
    {.name = "out of range", .args = {{"axes", ints({0, 1, 3})}}, .inputs = {normal({2, 3, 4})}, .says = "0, 1, 3"},
    {.name = "negative", .args = {{"axes", ints({-1, 0, 1})}}, .inputs = {normal({2, 3, 4})}, .says = "-1, 0, 1"},
});
// clang-format on

}  // namespace
}  // namespace headrace::testing
