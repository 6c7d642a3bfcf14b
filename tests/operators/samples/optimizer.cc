#include <mutex>

#include <gtest/gtest.h>

#include "tests/operators/compare.h"
#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

Maker mutex() {
  return [](const Rng&) {
    Blob blob;
    blob.set_handle(std::make_shared<std::mutex>(), "mutex");
    return blob;
  };
}

// clang-format off
const OperatorSamples iter("Iter", {
    {.name = "from 4", .inputs = {values<int64_t>({1}, {4})}},
    {.name = "large", .inputs = {values<int64_t>({}, {int64_t{1} << 40})}},
});
const OperatorErrors iter_errors("Iter", {
    {.name = "int32", .inputs = {values<int32_t>({1}, {4})}, .code = ErrorCode::kTypeMismatch, .says = "int64"},
    {.name = "two elements", .inputs = {values<int64_t>({2}, {4, 5})}, .code = ErrorCode::kShapeMismatch, .says = "1 element"},
});
const OperatorSamples atomic_iter("AtomicIter", {
    {.name = "from 4", .inputs = {mutex(), values<int64_t>({1}, {4})}, .reference = Reference::kCheck,
     .check = [](const SampleRun& run) { EXPECT_TRUE(same_blob(run.outputs[0], Tensor::from<int64_t>({1}, {5}), 0)); }},
});
const OperatorErrors atomic_iter_errors("AtomicIter", {
    {.name = "no mutex", .inputs = {normal({1}), values<int64_t>({1}, {4})}, .code = ErrorCode::kTypeMismatch, .says = "mutex"},
});
const OperatorSamples create_mutex("CreateMutex", {
    {.name = "one", .reference = Reference::kCheck,
     .check = [](const SampleRun& run) { EXPECT_NE(run.outputs[0].handle<std::mutex>("mutex"), nullptr); }},
});

const Maker kRate = values<float>({1}, {0.1f});
const std::vector<SampleArg> kMomentum = {{"momentum", 0.9f}};
const std::vector<SampleArg> kNesterov = {{"momentum", 0.9f}, {"nesterov", 1}};

std::vector<Sample> momentum_samples(bool update) {
  auto inputs = [=](Shape shape) {
    std::vector<Maker> makers = {normal(shape), normal(shape), kRate};
    if (update) makers.push_back(normal(shape));
    return makers;
  };
  auto with_ratio = [=](Shape shape) {
    std::vector<Maker> makers = inputs(shape);
    makers.push_back(values<float>({}, {0.25f}));
    return makers;
  };
  return {
      {.name = "plain", .args = kMomentum, .inputs = inputs({2, 3, 4, 5})},
      {.name = "nesterov", .args = kNesterov, .inputs = inputs({2, 3, 4, 5})},
      {.name = "no momentum", .inputs = inputs({70})},
      {.name = "scalar", .args = kNesterov, .inputs = inputs({})},
      {.name = "ratio", .args = kMomentum, .inputs = with_ratio({3, 5}), .reference = Reference::kTorch},
      {.name = "ratio, nesterov", .args = kNesterov, .inputs = with_ratio({3, 5}), .reference = Reference::kTorch},
  };
}
const OperatorSamples momentum_sgd("MomentumSGD", momentum_samples(false));
const OperatorSamples momentum_sgd_update("MomentumSGDUpdate", momentum_samples(true));

const OperatorErrors momentum_sgd_errors("MomentumSGD", {
    {.name = "two rates", .inputs = {normal({3}), normal({3}), normal({2})}, .code = ErrorCode::kShapeMismatch, .says = "1 element"},
    {.name = "shapes", .inputs = {normal({3}), normal({1, 3}), kRate}, .code = ErrorCode::kShapeMismatch, .says = "the same"},
    {.name = "two ratios", .inputs = {normal({3}), normal({3}), kRate, normal({2})}, .code = ErrorCode::kShapeMismatch, .says = "1 element"},
});
const OperatorErrors momentum_sgd_update_errors("MomentumSGDUpdate", {
    {.name = "parameter's shape", .inputs = {normal({3}), normal({3}), kRate, normal({4})}, .code = ErrorCode::kShapeMismatch, .says = "the same"},
    {.name = "two ratios", .inputs = {normal({3}), normal({3}), kRate, normal({3}), normal({2})}, .code = ErrorCode::kShapeMismatch, .says = "1 element"},
    {.name = "integer gradient", .inputs = {integers<int32_t>({3}, 0, 9), normal({3}), kRate, normal({3})}, .code = ErrorCode::kTypeMismatch, .says = "float32"},
});

std::vector<Maker> adam_inputs(Shape shape, int64_t iteration) {
  return {normal(shape), normal(shape), uniform(shape, 0.1f, 2), normal(shape), values<float>({1}, {-0.1f}), values<int64_t>({1}, {iteration})};
}
const OperatorSamples adam("Adam", {
    {.name = "first step", .inputs = adam_inputs({2, 3, 2, 2}, 0), .tolerance = 4e-6},
    {.name = "later", .inputs = adam_inputs({70}, 1000), .tolerance = 4e-6},
    {.name = "arguments", .args = {{"beta1", 0.8f}, {"beta2", 0.9f}, {"epsilon", 1e-3f}}, .inputs = adam_inputs({7}, 3), .outputs = 4, .tolerance = 4e-6},
    {.name = "step too", .inputs = adam_inputs({7}, 12), .outputs = 4, .tolerance = 4e-6},
});
const OperatorErrors adam_errors("Adam", {
    {.name = "int32 iteration", .inputs = {normal({3}), normal({3}), normal({3}), normal({3}), kRate, values<int32_t>({1}, {3})},
     .code = ErrorCode::kTypeMismatch, .says = "int64"},
    {.name = "shapes", .inputs = {normal({3}), normal({3}), normal({2}), normal({3}), kRate, values<int64_t>({1}, {3})},
     .code = ErrorCode::kShapeMismatch, .says = "the same"},
});

std::vector<Maker> lars_inputs(Maker parameter, Maker gradient, float decay, float trust, float maximum) {
  return {parameter, gradient, values<float>({1}, {decay}), values<float>({1}, {trust}), values<float>({1}, {maximum})};
}
const OperatorSamples lars("Lars", {
    {.name = "default", .inputs = lars_inputs(normal({3, 4}), normal({3, 4}), 0.1f, 1, 10)},
    {.name = "no offset", .args = {{"offset", 0.0f}, {"lr_min", 0.0f}}, .inputs = lars_inputs(normal({2, 3, 2, 2}), normal({2, 3, 2, 2}), 1e-4f, 0.001f, 10)},
    {.name = "lower bound", .inputs = lars_inputs(normal({5}), normal({5}), 0.1f, 0.001f, 10)},
    {.name = "upper bound", .inputs = lars_inputs(normal({5}), normal({5}), 0.1f, 5, 0.5f)},
    {.name = "bounds crossed", .inputs = lars_inputs(normal({5}), normal({5}), 0.1f, 0.01f, 0.001f)},
    {.name = "no parameter", .inputs = lars_inputs(values<float>({2}, {0, 0}), normal({2}), 0.1f, 0.5f, 10)},
    {.name = "no gradient", .args = {{"offset", 0.0f}}, .inputs = lars_inputs(normal({4}), values<float>({4}, {0, 0, 0, 0}), 0, 0.5f, 10)},
});
const OperatorErrors lars_errors("Lars", {
    {.name = "shapes", .inputs = lars_inputs(normal({3}), normal({4}), 0, 1, 1), .code = ErrorCode::kShapeMismatch, .says = "the same"},
    {.name = "two trusts", .inputs = {normal({3}), normal({3}), kRate, normal({2}), kRate}, .code = ErrorCode::kShapeMismatch, .says = "1 element"},
});
// clang-format on

}  // namespace
}  // namespace headrace::testing
