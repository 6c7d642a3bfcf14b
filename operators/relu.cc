#include "core/gradient_context.h"
#include "core/registry.h"
#include "core/thread_pool.h"
#include "operators/check.h"

namespace headrace {
namespace {

std::vector<TensorType> infer_relu(const InferContext& context) {
  check_floating(context, 0, "X");
  return {context.inputs[0]};
}

std::vector<TensorType> infer_relu_gradient(const InferContext& context) {
  check_floating(context, 0, "Y");
  check_same_type(context, 1, "dY");
  check_shape(context, 1, "dY", context.shape(0), "that of Y");
  return {context.inputs[0]};
}

Cost elementwise_cost(const CostContext& context) {
  return {.flops = static_cast<double>(context.outputs[0].shape.numel()),
          .bytes = context.operand_bytes()};
}

const RegisterOperator relu(OpSchema("Relu")
                                .doc("Y = max(X, 0). A NaN stays a NaN.")
                                .input("X")
                                .output("Y")
                                .ignored_args({"order", "cudnn_exhaustive_search", "use_cudnn"})
                                .inplace(0, 0)
                                .infer(infer_relu)
                                .cost(elementwise_cost)
                                .layout(LayoutPolicy::kFollows)
                                .gradient([](GradientContext& g) {
                                  g.op("ReluGradient", {g.out(0), g.dout(0)}, {g.din(0)});
                                }));

const RegisterOperator relu_gradient(
    OpSchema("ReluGradient")
        .doc("dX = Y > 0 ? dY : 0")
        .input("Y", "result of Relu")
        .input("dY")
        .output("dX")
        .ignored_args({"order", "cudnn_exhaustive_search", "use_cudnn"})
        .inplace(1, 0)
        .infer(infer_relu_gradient)
        .cost(elementwise_cost)
        .layout(LayoutPolicy::kFollows));

const RegisterCpuKernel relu_cpu("Relu", [](const PrepareContext& context) {
  check_float32(context, {0});
  return make_kernel([n = context.inputs[0].shape.numel(), width = context.width](OpContext& op) {
    const float* x = op.input<float>(0);
    float* y = op.output<float>(0);
    parallel_for(width, [=](int part) {
      const auto [begin, end] = part_range(n, width, part);
#pragma GCC ivdep  // in place or disjoint
      for (int64_t i = begin; i < end; ++i) y[i] = x[i] < 0 ? 0 : x[i];
    });
  });
});

const RegisterCpuKernel relu_gradient_cpu("ReluGradient", [](const PrepareContext& context) {
  check_float32(context, {0, 1});
  return make_kernel([n = context.inputs[0].shape.numel(), width = context.width](OpContext& op) {
    const float* y = op.input<float>(0);
    const float* dy = op.input<float>(1);
    float* dx = op.output<float>(0);
    parallel_for(width, [=](int part) {
      const auto [begin, end] = part_range(n, width, part);
#pragma GCC ivdep  // in place or disjoint
      for (int64_t i = begin; i < end; ++i) {
        const float gradient = dy[i];  // read in any case: a branch per element is slower
        dx[i] = y[i] > 0 ? gradient : 0;
      }
    });
  });
});

}  // namespace
}  // namespace headrace
