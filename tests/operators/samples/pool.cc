#include <cmath>

#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

/// The uses that both pools share.
std::vector<Sample> pools() {
  std::vector<Sample> samples = {
      {.name = "3x3, stride 2, pad 1",
       .args = {{"kernel", 3}, {"stride", 2}, {"pad", 1}},
       .inputs = {apart({2, 3, 6, 5})}},
      {.name = "2x2, stride 2",
       .args = {{"kernel", 2}, {"stride", 2}},
       .inputs = {apart({2, 3, 5, 4})}},
      {.name = "overlapping", .args = {{"kernel", 3}}, .inputs = {apart({1, 17, 5, 5})}},
      {.name = "global", .args = {{"global_pooling", 1}}, .inputs = {apart({2, 5, 3, 4})}},
      {.name = "global beats kernel",
       .args = {{"global_pooling", 1}, {"kernel", 2}},
       .inputs = {apart({1, 2, 3, 3})}},
      {.name = "sides",
       .args = {{"kernel_h", 2},
                {"kernel_w", 3},
                {"stride_h", 1},
                {"stride_w", 2},
                {"pad_t", 0},
                {"pad_l", 2},
                {"pad_b", 1},
                {"pad_r", 1}},
       .inputs = {apart({1, 2, 4, 6})}},
      {.name = "legacy ceil",
       .args = {{"kernel", 3}, {"stride", 2}, {"legacy_pad", 3}},
       .inputs = {apart({1, 2, 4, 6})}},
      {.name = "legacy ceil with pads",
       .args = {{"kernel", 3}, {"stride", 3}, {"pad", 1}, {"legacy_pad", 3}},
       .inputs = {apart({1, 2, 4, 6})}},
      {.name = "legacy SAME",
       .args = {{"kernel", 3}, {"stride", 2}, {"legacy_pad", 2}},
       .inputs = {apart({1, 2, 4, 5})}},
      {.name = "legacy SAME that crops",
       .args = {{"kernel", 1}, {"stride", 3}, {"legacy_pad", 2}},
       .inputs = {apart({1, 2, 6, 5})}},
      {.name = "legacy VALID",
       .args = {{"kernel", 2}, {"stride", 3}, {"legacy_pad", 1}},
       .inputs = {apart({1, 2, 6, 4})}},
      {.name = "one axis",
       .args = {{"kernels", ints({3})}, {"strides", ints({2})}, {"pads", ints({1, 0})}},
       .inputs = {apart({2, 3, 7})}},
      {.name = "three axes",
       .args = {{"kernels", ints({2, 2, 3})}, {"pads", ints({0, 1, 1, 1, 0, 1})}},
       .inputs = {apart({1, 2, 3, 3, 4})}},
      {.name = "one channel", .args = {{"kernel", 2}}, .inputs = {apart({2, 1, 4, 4})}},
  };
  for (Sample& sample : samples) {
    sample.gradients = {0};
    sample.nhwc_inputs = {0};
    sample.nhwc_outputs = {0};
  }
  samples.push_back({.name = "many channels",
                     .args = {{"kernel", 2}},
                     .inputs = {apart({1, 300, 2, 3})},
                     .nhwc_inputs = {0},
                     .nhwc_outputs = {0}});
  samples.push_back({.name = "wide row",
                     .args = {{"kernel", 3}, {"stride", 2}, {"pad", 1}},
                     .inputs = {apart({1, 1, 2, 600})}});
  samples.push_back({.name = "wide window",
                     .args = {{"global_pooling", 1}},
                     .inputs = {uniform({1, 2, 2, 300})}});
  samples.push_back(
      {.name = "no images", .args = {{"kernel", 2}}, .inputs = {normal({0, 2, 5, 4})}});
  return samples;
}

std::vector<Sample> max_pools() {
  std::vector<Sample> samples = pools();
  samples.push_back({.name = "a NaN is larger",
                     .args = {{"kernel", 2}, {"stride", 2}},
                     .inputs = {values<float>({1, 1, 2, 4}, {1, NAN, 3, -1, 2, 3, 4, -2})},
                     .reference = Reference::kTorch});
  return samples;
}

std::vector<Sample> average_pools() {
  std::vector<Sample> samples = pools();
  samples.push_back({.name = "pads count",
                     .args = {{"kernel", 3}, {"stride", 2}, {"pad", 1}, {"count_include_pad", 1}},
                     .inputs = {normal({2, 3, 6, 5})},
                     .gradients = {0},
                     .nhwc_inputs = {0},
                     .nhwc_outputs = {0}});
  samples.push_back(
      {.name = "legacy ceil, pads count",
       .args =
           {{"kernel", 3}, {"stride", 3}, {"pad", 1}, {"legacy_pad", 3}, {"count_include_pad", 1}},
       .inputs = {normal({1, 2, 4, 6})},
       .gradients = {0}});
  return samples;
}

const OperatorSamples max_pool("MaxPool", max_pools());
const OperatorSamples average_pool("AveragePool", average_pools());

// Every maximum of a window gets its gradient.
const OperatorSamples ties("MaxPoolGradient",
                           {{.name = "ties",
                             .args = {{"kernel", 2}},
                             .inputs = {values<float>({1, 1, 3, 3}, {1, 1, 0, 1, 1, 0, 0, 0, 0}),
                                        values<float>({1, 1, 2, 2}, {1, 1, 1, 1}),
                                        values<float>({1, 1, 2, 2}, {0.5f, 2, 4, 8})}}});

const OperatorErrors errors("MaxPool",
                            {
                                {.name = "no kernel",
                                 .inputs = {normal({1, 2, 5, 5})},
                                 .says = "missing argument 'kernel'"},
                                {.name = "dilation",
                                 .args = {{"kernel", 2}, {"dilation", 2}},
                                 .inputs = {normal({1, 2, 5, 5})},
                                 .says = "dilation"},
                                {.name = "pad as large as the kernel",
                                 .args = {{"kernel", 2}, {"pad", 2}},
                                 .inputs = {normal({1, 2, 5, 5})},
                                 .says = "must be smaller than the kernel"},
                                {.name = "global with pad",
                                 .args = {{"global_pooling", 1}, {"pad", 1}},
                                 .inputs = {normal({1, 2, 5, 5})},
                                 .says = "pads 0"},
                                {.name = "global with stride",
                                 .args = {{"global_pooling", 1}, {"stride", 2}},
                                 .inputs = {normal({1, 2, 5, 5})},
                                 .says = "stride must be 1"},
                                {.name = "a window outside of the image",
                                 .args = {{"kernel", 1}, {"stride", 3}, {"legacy_pad", 3}},
                                 .inputs = {normal({1, 2, 3, 3})},
                                 .says = "outside of an image"},
                                {.name = "no image",
                                 .args = {{"kernel", 2}},
                                 .inputs = {normal({5, 5})},
                                 .code = ErrorCode::kShapeMismatch,
                                 .says = "must be an image"},
                            });

const OperatorErrors gradient_errors("AveragePoolGradient",
                                     {{.name = "dY of another shape",
                                       .args = {{"kernel", 2}},
                                       .inputs = {normal({1, 2, 5, 5}), normal({1, 2, 4, 4}),
                                                  normal({1, 2, 5, 5})},
                                       .code = ErrorCode::kShapeMismatch,
                                       .says = "1x2x4x4"}});

}  // namespace
}  // namespace headrace::testing
