// CUDA kernels give what the CPU's give, on every sample of their operators and their gradients.
#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "core/stream.h"
#include "tests/operators/compare.h"
#include "tests/operators/gradients.h"
#include "tests/operators/invariances.h"
#include "tests/operators/run_operator.h"
#include "tests/operators/sample.h"
#include "tests/support/expect_error.h"
#include "tests/support/gpu_test.h"

namespace headrace::testing {
namespace {

/// Fused multiplication and addition, and other exp and tanh: a few units in the last place.
constexpr double kTolerance = 2e-6;

/// Operators that have samples and a CUDA kernel.
std::vector<std::string> types_on_gpu() {
  std::vector<std::string> types;
  for (const std::string& type : sampled_types()) {
    if (has_kernel(type, DeviceKind::kCuda)) types.push_back(type);
  }
  return types;
}

/// Compares in all ways of running; false where the kernel says that it cannot do this.
bool compare(const OperatorDef& def, const std::vector<Blob>& inputs, double tolerance) {
  try {
    run_operator(def, inputs, {.device = kGpu});
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUnsupported) throw;
    EXPECT_NE(error.message().find("CPU"), std::string::npos) << error.what();
    return false;
  }
  expect_invariance(def, inputs, {.tolerance = std::max(tolerance, kTolerance), .device = kGpu});
  return true;
}

class GpuKernels : public GpuTest, public ::testing::WithParamInterface<std::string> {};

TEST_P(GpuKernels, GiveWhatTheCpuGives) {
  const std::string& type = GetParam();
  int compared = 0;
  for (const Sample& sample : samples_of(type)) {
    SCOPED_TRACE("sample '" + sample.name + "'");
    const std::vector<Blob> inputs = sample.make_inputs(type);
    compared += compare(sample.def(type), inputs, sample.tolerance);
    const std::vector<Blob> wide = to_double(inputs);
    if (can_prepare(sample.def(type), wide)) compare(sample.def(type), wide, sample.tolerance);
  }
  EXPECT_GT(compared, 0) << "no sample runs on the GPU";
}

TEST_P(GpuKernels, GiveTheGradientsThatTheCpuGives) {
  const std::string& type = GetParam();
  for (const Sample& sample : samples_of(type)) {
    if (sample.gradients.empty()) continue;
    SCOPED_TRACE("sample '" + sample.name + "'");
    const GradientRun run = run_gradient(type, sample, sample.make_inputs(type));
    for (size_t i = 0; i < run.operators.size(); ++i) {
      if (!has_kernel(run.operators[i].type(), DeviceKind::kCuda)) continue;
      compare(run.operators[i], run.operands[i], sample.gradient_tolerance);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, GpuKernels, ::testing::ValuesIn(types_on_gpu()),
                         [](const auto& info) { return info.param; });

Blob normal_blob(const Shape& shape, uint64_t key) { return normal(shape)(Rng(7, key, 0)); }

OperatorDef op(const char* type, int inputs, int outputs = 1) {
  OperatorDef def;
  def.set_type(type);
  for (int i = 0; i < inputs; ++i) def.add_input("X" + std::to_string(i));
  for (int i = 0; i < outputs; ++i) def.add_output("Y" + std::to_string(i));
  return def;
}

class GpuKernelsOfSize : public GpuTest {};

/// More elements than a grid has threads, and no multiple of anything.
TEST_F(GpuKernelsOfSize, ManyBlocksAndATail) {
  const Shape big{1019, 1031};
  const Blob a = normal_blob(big, 1);
  const Blob b = normal_blob(big, 2);
  EXPECT_TRUE(compare(op("Relu", 1), {a}, 0));
  EXPECT_TRUE(compare(op("Tanh", 1), {a}, 0));
  EXPECT_TRUE(compare(op("Add", 2), {a, b}, 0));
  EXPECT_TRUE(compare(op("Mul", 2), {a, normal_blob({1031}, 3)}, 0));
  EXPECT_TRUE(compare(op("Mul", 2), {a, normal_blob({1019, 1}, 4)}, 0));
  EXPECT_TRUE(compare(op("Sub", 2), {normal_blob({1}, 5), a}, 0));
  EXPECT_TRUE(compare(op("AddGradient", 3, 2), {a, b, normal_blob({1031}, 6)}, 1e-5));
  EXPECT_TRUE(compare(op("MulGradient", 3, 2), {a, b, normal_blob({1}, 7)}, 1e-4));
}

/// More than a launch takes at once.
TEST_F(GpuKernelsOfSize, ManyOperands) {
  std::vector<Blob> terms;
  std::vector<Blob> pairs;
  for (uint64_t i = 0; i < 21; ++i) {
    terms.push_back(normal_blob({103}, i));
    pairs.push_back(terms.back());
    pairs.push_back(normal_blob({1}, 100 + i));
    EXPECT_TRUE(compare(op("Sum", static_cast<int>(terms.size())), terms, 0)) << i;
    EXPECT_TRUE(compare(op("WeightedSum", static_cast<int>(pairs.size())), pairs, 0)) << i;
  }
}

/// Views may begin anywhere.
TEST_F(GpuKernelsOfSize, OperandsThatAreNotAligned) {
  constexpr int64_t kCount = 1001;
  const Blob whole = normal_blob({kCount + 1}, 1);
  const Tensor on_gpu = whole.tensor().clone(kGpu);
  Tensor result(Shape{kCount + 1}, DType::kFloat32, kGpu);
  const TensorDesc desc{DType::kFloat32, Shape{kCount}};
  const OperatorDef def = op("Relu", 1);
  const OpSchema& schema = get_schema("Relu");
  const Args args(schema, def);
  const auto kernel = prepare_kernel({.schema = schema,
                                      .args = args,
                                      .inputs = std::span(&desc, 1),
                                      .outputs = std::span(&desc, 1),
                                      .device = kGpu});
  for (const auto& [from, to] : {std::pair(1, 1), std::pair(0, 1), std::pair(1, 0)}) {
    Operand input{.data = const_cast<float*>(static_cast<const float*>(on_gpu.raw())) + from,
                  .desc = &desc};
    Operand output{.data = static_cast<float*>(result.raw()) + to, .desc = &desc};
    const StepState step;
    OpContext context(std::span(&input, 1), std::span(&output, 1), &step);
    make_current(kGpu);
    const StreamOwner stream(kGpu);
    context.stream = stream.get();
    kernel->launch(context);
    synchronize(stream.get());
    const Tensor found = result.plain();
    for (int64_t i = 0; i < kCount; ++i) {
      ASSERT_EQ(found.data<float>()[i + to], std::max(0.0f, whole.tensor().data<float>()[i + from]))
          << i;
    }
  }
}

TEST_F(GpuKernelsOfSize, WhatAKernelCannotReportIsLeftToTheCpu) {
  const Blob integers(Tensor::from<int32_t>({2}, {6, 8}));
  expect_error(ErrorCode::kUnsupported, "integers are divided on the CPU only", [&] {
    run_operator(op("Div", 2), {integers, integers}, {.device = kGpu});
  });
  OperatorDef cast = op("Cast", 1);
  set_arg(cast, "to", "int32");
  expect_error(ErrorCode::kUnsupported, "Cast from float32 to int32 is done on the CPU only",
               [&] { run_operator(cast, {normal_blob({3}, 1)}, {.device = kGpu}); });
  expect_error(ErrorCode::kUnsupported, "without its device_option it runs on the CPU", [&] {
    run_operator(op("Softmax", 1), {normal_blob({2, 3}, 1)}, {.device = kGpu});
  });
}

}  // namespace
}  // namespace headrace::testing
