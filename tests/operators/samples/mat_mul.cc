#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

// clang-format off
/// oneDNN may sum in another order at another width.
std::vector<Sample> at_any_width(std::vector<Sample> samples) {
  for (Sample& sample : samples) {
    sample.width_changes_rounding = true;
    sample.tolerance = 2e-6;
  }
  return samples;
}

const OperatorSamples mat_mul("MatMul", at_any_width({
    {.name = "plain", .inputs = {normal({2, 3}), normal({3, 4})}, .gradients = {0, 1}},
    {.name = "A transposed", .args = {{"trans_a", 1}}, .inputs = {normal({3, 2}), normal({3, 4})}, .gradients = {0, 1}},
    {.name = "B transposed", .args = {{"trans_b", 1}}, .inputs = {normal({2, 3}), normal({4, 3})}, .gradients = {0, 1}},
    {.name = "both transposed", .args = {{"trans_a", 1}, {"trans_b", 1}}, .inputs = {normal({3, 2}), normal({4, 3})}, .gradients = {0, 1}},
    // Caffe2's gradients of these do not fit their operands.
    {.name = "axes", .args = {{"axis_a", 2}}, .inputs = {normal({2, 3, 4}), normal({4, 2})}, .reference = Reference::kTorch, .gradients = {0, 1}},
    {.name = "axes of both", .args = {{"axis_a", 2}, {"axis_b", -1}, {"trans_b", 1}}, .inputs = {normal({2, 2, 6}), normal({2, 3, 6})}, .reference = Reference::kTorch, .gradients = {0, 1}},
    {.name = "shape of another", .inputs = {normal({2, 3}), normal({3, 2}), normal({4, 1})}},
    {.name = "larger", .inputs = {normal({33, 40}), normal({40, 17})}, .gradients = {0, 1}},
    {.name = "no rows", .inputs = {normal({0, 3}), normal({3, 2})}},
    {.name = "no terms", .inputs = {normal({2, 0}), normal({0, 2})}},
}));
const OperatorErrors mat_mul_errors("MatMul", {
    {.name = "sizes", .inputs = {normal({2, 3}), normal({2, 3})}, .code = ErrorCode::kShapeMismatch, .says = "2x3 matrix"},
    {.name = "transposed sizes", .args = {{"trans_a", 1}}, .inputs = {normal({2, 3}), normal({3, 3})}, .code = ErrorCode::kShapeMismatch, .says = "after transposing"},
    {.name = "vector", .inputs = {normal({3}), normal({3})}, .says = "axis_a"},
    {.name = "shape of another", .inputs = {normal({2, 3}), normal({3, 2}), normal({3})}, .code = ErrorCode::kShapeMismatch, .says = "4 elements"},
    {.name = "types", .inputs = {normal({2, 3}), integers<int32_t>({3, 2}, 0, 9)}, .code = ErrorCode::kTypeMismatch, .says = "the same"},
    {.name = "integers", .inputs = {integers<int32_t>({2, 2}, 0, 9), integers<int32_t>({2, 2}, 0, 9)}, .code = ErrorCode::kTypeMismatch, .says = "float32"},
});

const OperatorSamples batch_mat_mul("BatchMatMul", at_any_width({
    {.name = "plain", .inputs = {normal({5, 2, 3}), normal({5, 3, 4})}, .gradients = {0, 1}},
    {.name = "A transposed", .args = {{"trans_a", 1}}, .inputs = {normal({2, 3, 2}), normal({2, 3, 4})}, .gradients = {0, 1}},
    {.name = "B transposed", .args = {{"trans_b", 1}}, .inputs = {normal({2, 2, 3}), normal({2, 4, 3})}, .gradients = {0, 1}},
    {.name = "both transposed", .args = {{"trans_a", 1}, {"trans_b", 1}}, .inputs = {normal({2, 3, 2}), normal({2, 4, 3})}, .gradients = {0, 1}},
    {.name = "one", .inputs = {normal({2, 3}), normal({3, 4})}, .gradients = {0, 1}},
    {.name = "four dimensions", .inputs = {normal({2, 2, 2, 3}), normal({2, 2, 3, 2})}, .gradients = {0, 1}},
    {.name = "broadcast right", .args = {{"broadcast", 1}}, .inputs = {normal({2, 2, 3}), normal({3, 2})}},
    {.name = "broadcast both", .args = {{"broadcast", 1}}, .inputs = {normal({2, 1, 2, 3}), normal({3, 3, 2})}},
    {.name = "row", .args = {{"broadcast", 1}}, .inputs = {normal({3}), normal({2, 3, 2})}},
    {.name = "column", .args = {{"broadcast", 1}}, .inputs = {normal({2, 2, 3}), normal({3})}},
    {.name = "vectors", .args = {{"broadcast", 1}}, .inputs = {normal({3}), normal({3})}},
    {.name = "no matrices", .inputs = {normal({0, 2, 3}), normal({0, 3, 2})}},
    {.name = "no terms", .inputs = {normal({2, 2, 0}), normal({2, 0, 2})}},
}));
const OperatorErrors batch_mat_mul_errors("BatchMatMul", {
    {.name = "sizes", .inputs = {normal({2, 2, 3}), normal({2, 2, 3})}, .code = ErrorCode::kShapeMismatch, .says = "2x3 matrix"},
    {.name = "counts", .inputs = {normal({2, 2, 3}), normal({3, 3, 2})}, .code = ErrorCode::kShapeMismatch, .says = "without broadcast: 1"},
    {.name = "broadcast counts", .args = {{"broadcast", 1}}, .inputs = {normal({2, 2, 3}), normal({3, 3, 2})}, .code = ErrorCode::kShapeMismatch, .says = "2 and 3"},
    {.name = "scalar", .inputs = {normal({}), normal({2, 2})}, .code = ErrorCode::kShapeMismatch, .says = "at least one"},
    {.name = "types", .inputs = {normal({2, 3}), integers<int32_t>({3, 2}, 0, 9)}, .code = ErrorCode::kTypeMismatch, .says = "the same"},
});
// clang-format on

}  // namespace
}  // namespace headrace::testing
