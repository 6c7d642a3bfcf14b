#include <cmath>

#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

// clang-format off
const OperatorSamples label_cross_entropy("LabelCrossEntropy", {
    {.name = "matrix", .inputs = {probabilities({5, 4}), integers<int32_t>({5}, 0, 4)}, .gradients = {0}},
    {.name = "label column", .inputs = {probabilities({5, 4}), integers<int32_t>({5, 1}, 0, 4)}, .gradients = {0}},
    {.name = "image", .inputs = {probabilities({3, 2, 2}), integers<int32_t>({3}, 0, 4)}, .gradients = {0}},
    {.name = "vector", .inputs = {probabilities({4}), values<int32_t>({1}, {2})}, .gradients = {0}},
    {.name = "many rows", .inputs = {probabilities({150, 3}), integers<int32_t>({150}, 0, 3)}},
    {.name = "tiny probabilities", .inputs = {values<float>({3, 2}, {0, 1, 1e-30f, 1, 1, 0}), values<int32_t>({3}, {0, 0, 0})}},
});
const OperatorErrors label_cross_entropy_errors("LabelCrossEntropy", {
    {.name = "label too large", .inputs = {probabilities({2, 3}), values<int32_t>({2}, {1, 3})}, .code = ErrorCode::kNumeric, .says = "label 3 of row 1"},
    {.name = "negative label", .inputs = {probabilities({2, 3}), values<int32_t>({2}, {-1, 1})}, .code = ErrorCode::kNumeric, .says = "label -1 of row 0"},
    {.name = "too few labels", .inputs = {probabilities({2, 3}), values<int32_t>({1}, {0})}, .code = ErrorCode::kShapeMismatch, .says = "one label per row"},
    {.name = "int64 labels", .inputs = {probabilities({2, 3}), values<int64_t>({2}, {0, 1})}, .code = ErrorCode::kTypeMismatch, .says = "int32"},
});

const OperatorSamples averaged_loss("AveragedLoss", {
    {.name = "vector", .inputs = {normal({7})}, .gradients = {0}},
    {.name = "image", .inputs = {normal({2, 3, 2, 2})}, .gradients = {0}},
    {.name = "scalar", .inputs = {normal({})}, .gradients = {0}},
    {.name = "nothing", .inputs = {normal({0})}},
});
const OperatorErrors averaged_loss_errors("AveragedLoss", {
    {.name = "integers", .inputs = {integers<int32_t>({3}, 0, 9)}, .code = ErrorCode::kTypeMismatch, .says = "float32"},
});

const OperatorSamples sum_elements("SumElements", {
    {.name = "matrix", .inputs = {normal({3, 5})}, .gradients = {0}},
    {.name = "mean", .args = {{"average", 1}}, .inputs = {normal({3, 5})}, .gradients = {0}},
    {.name = "nothing", .args = {{"average", 1}}, .inputs = {normal({0})}},
    {.name = "several blocks", .inputs = {normal({3, 4100})}, .reference = Reference::kTorch, .tolerance = 1e-5},
});
const OperatorErrors sum_elements_errors("SumElements", {
    {.name = "integers", .inputs = {integers<int64_t>({3}, 0, 9)}, .code = ErrorCode::kTypeMismatch, .says = "float32"},
});
const OperatorSamples sum_sqr_elements("SumSqrElements", {
    {.name = "matrix", .inputs = {normal({3, 5})}},
    {.name = "image", .inputs = {normal({2, 3, 4, 5})}},
    {.name = "mean", .args = {{"average", 1}}, .inputs = {normal({3, 5})}},
    {.name = "nothing", .inputs = {normal({0, 4})}},
    {.name = "several blocks", .inputs = {normal({9000})}, .reference = Reference::kTorch},
});
const OperatorErrors sum_sqr_elements_errors("SumSqrElements", {
    {.name = "integers", .inputs = {integers<int64_t>({3}, 0, 9)}, .code = ErrorCode::kTypeMismatch, .says = "float32"},
});

const OperatorSamples accuracy("Accuracy", {
    {.name = "top 1", .inputs = {apart({12, 5}), integers<int32_t>({12}, 0, 5)}},
    {.name = "top 3", .args = {{"top_k", 3}}, .inputs = {apart({12, 5}), integers<int32_t>({12}, 0, 5)}},
    {.name = "top 9 of 5", .args = {{"top_k", 9}}, .inputs = {apart({12, 5}), integers<int32_t>({12}, 0, 5)}},
    {.name = "ties", .args = {{"top_k", 2}}, .inputs = {values<float>({4, 3}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2}), values<int32_t>({4}, {0, 1, 2, 2})}},
    {.name = "no rows", .inputs = {normal({0, 3}), integers<int32_t>({0}, 0, 1)}},
});
const OperatorErrors accuracy_errors("Accuracy", {
    {.name = "label too large", .inputs = {normal({2, 3}), values<int32_t>({2}, {1, 3})}, .code = ErrorCode::kNumeric, .says = "label 3 of row 1"},
    {.name = "rank 3", .inputs = {normal({2, 3, 1}), values<int32_t>({2}, {1, 2})}, .code = ErrorCode::kShapeMismatch, .says = "2 dimensions"},
    {.name = "label column", .inputs = {normal({2, 3}), values<int32_t>({2, 1}, {1, 2})}, .code = ErrorCode::kShapeMismatch, .says = "1 dimension"},
    {.name = "int64 labels", .inputs = {normal({2, 3}), values<int64_t>({2}, {1, 2})}, .code = ErrorCode::kTypeMismatch, .says = "int32"},
    {.name = "top 0", .args = {{"top_k", 0}}, .inputs = {normal({2, 3}), values<int32_t>({2}, {1, 2})}, .says = "at least 1"},
});
// clang-format on

}  // namespace
}  // namespace headrace::testing
