#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

std::vector<Maker> operands(Maker x, int64_t channels) {
  return {std::move(x), uniform({channels}, 0.5f, 1.5f), normal({channels}), normal({channels}),
          uniform({channels}, 0.5f, 1.5f)};
}

Sample training(std::string name, std::vector<SampleArg> args, Maker x, int64_t channels) {
  args.push_back({"is_test", 0});
  return {.name = std::move(name),
          .args = std::move(args),
          .inputs = operands(std::move(x), channels),
          .outputs = 5,
          .gradients = {0, 1, 2},
          .gradient_outputs = {0},
          .nhwc_inputs = {0},
          .nhwc_outputs = {0}};
}

// Caffe2's gradient with is_test takes the variance for 1 / std, hence PyTorch.
Sample test(std::string name, std::vector<SampleArg> args, Shape x) {
  args.push_back({"is_test", 1});
  const int64_t channels = x[1];
  return {.name = std::move(name),
          .args = std::move(args),
          .inputs = operands(normal(x), channels),
          .reference = Reference::kTorch,
          .gradients = {0, 1, 2},
          .nhwc_inputs = {0},
          .nhwc_outputs = {0}};
}

/// Normal values far from zero.
Maker offset(Shape shape, float mean) {
  return [=](const Rng& rng) {
    Blob blob = normal(shape)(rng);
    for (float& x : blob.tensor().data<float>()) x += mean;
    return blob;
  };
}

Sample with(Sample sample, Reference reference, double tolerance) {
  sample.reference = reference;
  sample.tolerance = tolerance;
  sample.gradient_tolerance = 10 * tolerance;
  return sample;
}

std::vector<Sample> samples() {
  std::vector<Sample> samples = {
      training("image", {}, normal({3, 5, 4, 3}), 5),
      training("epsilon and momentum", {{"epsilon", 0.1f}, {"momentum", 0.5f}},
               normal({4, 3, 3, 3}), 3),
      training("many channels", {}, normal({2, 33, 2, 3}), 33),
      training("one axis", {}, normal({3, 4, 7}), 4),
      training("three axes", {}, normal({2, 3, 2, 2, 2}), 3),
      // Caffe2 has no gradient for these.
      with(training("rows", {}, normal({9, 4}), 4), Reference::kTorch, 1e-6),
      // The statistics of float32 elements lose digits here in any order; a mean of squares would
      // lose all of them.
      with(training("large mean", {}, offset({4, 3, 4, 4}, 1000), 3), Reference::kTorch, 2e-4),
      test("test", {}, {2, 5, 3, 4}),
      test("test, epsilon", {{"epsilon", 0.1f}}, {2, 3, 3, 2}),
      test("test, rows", {}, {5, 4}),
  };
  Sample no_images = training("no images", {}, normal({0, 3, 4, 4}), 3);
  no_images.gradients = {};
  samples.push_back(no_images);
  Sample sums = training("sums of two batches", {{"num_batches", 2}}, normal({2, 3, 4, 4}), 3);
  sums.inputs.insert(sums.inputs.end(), {normal({3}), uniform({3}, 80, 90)});
  sums.gradients = {};
  samples.push_back(sums);
  return samples;
}

const OperatorSamples spatial_bn("SpatialBN", samples());

const OperatorSamples gradient("SpatialBNGradient",
                               {{.name = "sums of two batches",
                                 .args = {{"is_test", 0}, {"num_batches", 2}},
                                 .inputs = {normal({2, 3, 4, 4}), uniform({3}, 0.5f, 1.5f),
                                            normal({2, 3, 4, 4}), normal({3}),
                                            uniform({3}, 0.5f, 1.5f), normal({3}), normal({3})},
                                 .outputs = 3,
                                 .nhwc_inputs = {0, 2},
                                 .nhwc_outputs = {0}}});

const OperatorErrors errors("SpatialBN", {
                                             {.name = "test with five outputs",
                                              .args = {{"is_test", 1}},
                                              .inputs = operands(normal({2, 3, 4, 4}), 3),
                                              .outputs = 5,
                                              .code = ErrorCode::kInvalidNet,
                                              .says = "only output is Y"},
                                             {.name = "training with one output",
                                              .args = {{"is_test", 0}},
                                              .inputs = operands(normal({2, 3, 4, 4}), 3),
                                              .outputs = 1,
                                              .code = ErrorCode::kInvalidNet,
                                              .says = "saved_inv_std"},
                                             {.name = "one element per channel",
                                              .args = {{"is_test", 0}},
                                              .inputs = operands(normal({1, 3, 1, 1}), 3),
                                              .outputs = 5,
                                              .code = ErrorCode::kShapeMismatch,
                                              .says = "has no variance"},
                                             {.name = "scale of other channels",
                                              .args = {{"is_test", 1}},
                                              .inputs = operands(normal({2, 3, 4, 4}), 4),
                                              .code = ErrorCode::kShapeMismatch,
                                              .says = "one element per channel of X"},
                                             {.name = "vector",
                                              .args = {{"is_test", 1}},
                                              .inputs = operands(normal({4}), 4),
                                              .code = ErrorCode::kShapeMismatch,
                                              .says = "a channel axis"},
                                             {.name = "batches without sums",
                                              .args = {{"is_test", 0}, {"num_batches", 2}},
                                              .inputs = operands(normal({2, 3, 4, 4}), 3),
                                              .outputs = 5,
                                              .code = ErrorCode::kInvalidNet,
                                              .says = "needs the inputs sums"},
                                         });

}  // namespace
}  // namespace headrace::testing
