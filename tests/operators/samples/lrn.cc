#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

Sample lrn(std::string name, std::vector<SampleArg> args, Shape x, int outputs = 2) {
  return {.name = std::move(name),
          .args = std::move(args),
          .inputs = {normal(x)},
          .outputs = outputs,
          .gradients = {0},
          .gradient_outputs = {0},
          .nhwc_inputs = {0},
          .nhwc_outputs = {0, 1}};
}

Sample by_torch(Sample sample) {
  sample.reference = Reference::kTorch;
  return sample;
}

const OperatorSamples samples(
    "LRN", {
               lrn("AlexNet", {{"size", 5}, {"alpha", 1e-4f}, {"beta", 0.75f}}, {2, 9, 3, 2}),
               lrn("strong", {{"size", 3}, {"alpha", 2.0f}, {"beta", 0.75f}, {"bias", 2.0f}},
                   {1, 7, 3, 3}, 1),
               lrn("even size", {{"size", 4}, {"alpha", 1.0f}, {"beta", 0.5f}}, {1, 8, 2, 2}),
               lrn("other beta", {{"size", 3}, {"alpha", 1.0f}, {"beta", 0.6f}}, {1, 5, 2, 2}),
               lrn("beta 1", {{"size", 2}, {"alpha", 1.0f}, {"beta", 1.0f}}, {1, 5, 2, 2}),
               lrn("window above the channels", {{"size", 11}, {"alpha", 1.0f}, {"beta", 0.75f}},
                   {1, 3, 2, 2}),
               lrn("size 1", {{"size", 1}, {"alpha", 1.0f}, {"beta", 0.75f}}, {1, 3, 2, 2}),
               lrn("many pixels", {{"size", 3}, {"alpha", 1.0f}, {"beta", 0.75f}}, {1, 3, 5, 7}),
               // Caffe2 takes the first two spatial axes for all.
               by_torch(lrn("three axes", {{"size", 3}, {"alpha", 1.0f}, {"beta", 0.75f}},
                            {1, 3, 2, 2, 2})),
               {.name = "no images", .args = {{"size", 3}}, .inputs = {normal({0, 3, 2, 2})}},
           });

const OperatorErrors errors(
    "LRN", {
               {.name = "no size", .inputs = {normal({1, 3, 2, 2})}, .says = "'size'"},
               {.name = "no image",
                .args = {{"size", 3}},
                .inputs = {normal({3, 2})},
                .code = ErrorCode::kShapeMismatch,
                .says = "must be an image"},
           });

}  // namespace
}  // namespace headrace::testing
