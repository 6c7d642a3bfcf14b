#include <cmath>

#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

const OperatorSamples softmax(
    "Softmax",
    {
        {.name = "matrix", .inputs = {normal({3, 5})}, .gradients = {0}},
        {.name = "long rows", .inputs = {normal({2, 67})}, .gradients = {0}},
        {.name = "image", .inputs = {normal({2, 3, 2, 2})}, .gradients = {0}},
        {.name = "later axis",
         .args = {{"axis", 2}},
         .inputs = {normal({2, 3, 4})},
         .gradients = {0}},
        {.name = "axis from the end",
         .args = {{"axis", -1}},
         .inputs = {normal({2, 3, 4})},
         .gradients = {0}},
        {.name = "one row", .args = {{"axis", 0}}, .inputs = {normal({2, 3})}, .gradients = {0}},
        {.name = "large values",
         .inputs = {values<float>({3, 3}, {1000, 999, 0, -1000, -999, -INFINITY, 80, 0, -80})}},
        {.name = "no rows", .inputs = {normal({0, 3})}},
    });

const OperatorErrors softmax_errors("Softmax", {{.name = "no such axis",
                                                 .args = {{"axis", 2}},
                                                 .inputs = {normal({2, 3})},
                                                 .code = ErrorCode::kInvalidArgument,
                                                 .says = "axis 2"}});

Sample loss(std::string name, std::vector<SampleArg> args, std::vector<Maker> inputs) {
  return {.name = std::move(name),
          .args = std::move(args),
          .inputs = std::move(inputs),
          .gradients = {0},
          .gradient_outputs = {1}};
}

Sample by_torch(Sample sample) {
  sample.reference = Reference::kTorch;
  return sample;
}

Maker labels(Shape shape, int64_t classes) { return integers<int32_t>(shape, 0, classes); }

const OperatorSamples with_loss(
    "SoftmaxWithLoss",
    {
        loss("matrix", {}, {normal({4, 5}), labels({4}, 5)}),
        loss("labels in a column", {}, {normal({4, 5}), labels({4, 1}, 5)}),
        loss("many classes", {}, {normal({3, 37}), labels({3}, 37)}),
        loss("image", {}, {normal({2, 3, 2, 2}), labels({2}, 12)}),
        loss("scale", {{"scale", 2.5f}}, {normal({4, 5}), labels({4}, 5)}),
        loss("weights", {}, {normal({4, 5}), labels({4}, 5), uniform({4}, 0.5f, 2)}),
        loss("weights, divided by the batch", {{"average_by_batch_size", 1}},
             {normal({4, 5}), labels({4}, 5), uniform({4}, 0.5f, 2)}),
        loss("weights of zero", {}, {normal({2, 3}), labels({2}, 3), values<float>({2}, {0, 0})}),
        loss("distributions", {{"label_prob", 1}}, {normal({4, 5}), probabilities({4, 5})}),
        loss("distributions, weights and scale", {{"label_prob", 1}, {"scale", 0.5f}},
             {normal({4, 5}), probabilities({4, 5}), uniform({4}, 0.5f, 2)}),
        loss("probability 0", {}, {values<float>({1, 2}, {200, 0}), values<int32_t>({1}, {1})}),
        by_torch(loss("int64 labels", {}, {normal({4, 5}), integers<int64_t>({4}, 0, 5)})),
        by_torch(loss("axis 2", {{"axis", 2}}, {normal({2, 3, 4}), labels({2, 3}, 4)})),
        {.name = "no samples", .inputs = {normal({0, 3}), labels({0}, 3)}},
    });

const OperatorErrors with_loss_errors(
    "SoftmaxWithLoss", {
                           {.name = "label too large",
                            .inputs = {normal({3, 4}), values<int32_t>({3}, {0, 4, 1})},
                            .code = ErrorCode::kNumeric,
                            .says = "label 4 of sample 1 is not in 0 ... 3"},
                           {.name = "negative label",
                            .inputs = {normal({3, 4}), values<int32_t>({3}, {0, 1, -1})},
                            .code = ErrorCode::kNumeric,
                            .says = "label -1 of sample 2"},
                           {.name = "probabilities that do not add up",
                            .args = {{"label_prob", 1}},
                            .inputs = {normal({1, 2}), values<float>({1, 2}, {0.5f, 0.6f})},
                            .code = ErrorCode::kNumeric,
                            .says = "sample 0 add up to 1.1"},
                           {.name = "negative probability",
                            .args = {{"label_prob", 1}},
                            .inputs = {normal({1, 2}), values<float>({1, 2}, {1.5f, -0.5f})},
                            .code = ErrorCode::kNumeric,
                            .says = "probability -0.5 of sample 0, class 1"},
                           {.name = "labels of other length",
                            .inputs = {normal({3, 4}), labels({4}, 4)},
                            .code = ErrorCode::kShapeMismatch,
                            .says = "3 elements"},
                           {.name = "weights of other length",
                            .inputs = {normal({3, 4}), labels({3}, 4), normal({4})},
                            .code = ErrorCode::kShapeMismatch,
                            .says = "3 elements"},
                           {.name = "floating labels",
                            .inputs = {normal({3, 4}), normal({3})},
                            .code = ErrorCode::kTypeMismatch,
                            .says = "int32 or int64"},
                           {.name = "negative scale",
                            .args = {{"scale", -1.0f}},
                            .inputs = {normal({3, 4}), labels({3}, 4)},
                            .says = "'scale'"},
                           {.name = "order",
                            .args = {{"order", "NHWC"}},
                            .inputs = {normal({3, 4}), labels({3}, 4)},
                            .says = "NHWC"},
                       });

}  // namespace
}  // namespace headrace::testing
