#include <cmath>

#include <gtest/gtest.h>

#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

// Which elements are dropped is random; what happens to them, and how many they are, is not.
std::function<void(const SampleRun&)> drops(float ratio) {
  return [ratio](const SampleRun& run) {
    const auto x = run.inputs[0].tensor().data<float>();
    const auto y = run.outputs[0].tensor().data<float>();
    const auto mask = run.outputs[1].tensor().data<bool>();
    double kept = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      kept += mask[i] ? 1 : 0;
      EXPECT_FLOAT_EQ(y[i], mask[i] ? x[i] / (1 - ratio) : 0) << "element " << i;
    }
    // Six standard deviations of a binomial distribution.
    const auto count = static_cast<double>(x.size());
    EXPECT_NEAR(kept / count, 1 - ratio, 6 * std::sqrt(ratio * (1 - ratio) / count));
  };
}

const OperatorSamples dropout(
    "Dropout",
    {
        {.name = "half",
         .args = {{"is_test", 0}},
         .inputs = {normal({40, 250})},
         .outputs = 2,
         .reference = Reference::kCheck,
         .check = drops(0.5f)},
        {.name = "image",
         .args = {{"is_test", 0}, {"ratio", 0.1f}},
         .inputs = {normal({3, 5, 7, 9})},
         .outputs = 2,
         .reference = Reference::kCheck,
         .check = drops(0.1f),
         .gradients = {0}},
        {.name = "nothing",
         .args = {{"is_test", 0}, {"ratio", 0.0f}},
         .inputs = {normal({7})},
         .outputs = 2},
        {.name = "test", .args = {{"is_test", 1}}, .inputs = {normal({2, 3})}, .gradients = {0}},
        {.name = "test with a mask",
         .args = {{"is_test", 1}},
         .inputs = {normal({2, 3})},
         .outputs = 2,
         // Caffe2 leaves it as it was.
         .unchecked = {1}},
    });

// The gradient with a mask that is known.
const OperatorSamples gradient("DropoutGrad",
                               {{.name = "mask",
                                 .args = {{"is_test", 0}, {"ratio", 0.25f}},
                                 .inputs = {normal({5}),
                                            values<bool>({5}, {true, false, true, true, false})}}});

const OperatorErrors errors("Dropout", {
                                           {.name = "ratio 1",
                                            .args = {{"is_test", 0}, {"ratio", 1.0f}},
                                            .inputs = {normal({7})},
                                            .outputs = 2,
                                            .says = "[0, 1)"},
                                           {.name = "training without mask",
                                            .args = {{"is_test", 0}},
                                            .inputs = {normal({7})},
                                            .outputs = 1,
                                            .code = ErrorCode::kInvalidNet,
                                            .says = "mask"},
                                       });

}  // namespace
}  // namespace headrace::testing
