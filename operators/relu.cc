#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/formulas.h"
#include "operators/parts.h"

namespace headrace {
namespace {

std::vector<TensorType> infer_relu(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  return {context.inputs[0]};
}

std::vector<TensorType> infer_relu_gradient(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  require_same_type(context, 1, 0);
  require_same_shape(context, 1, 0);
  return {context.inputs[0]};
}

Cost one_flop_per_element(const CostContext& context) {
  return {.flops = static_cast<double>(context.outputs[0].shape.numel()),
          .bytes = context.operand_bytes()};
}

const RegisterOperator relu(OpSchema("Relu")
                                .doc("Y = max(X, 0), element by element. A NaN stays a NaN.")
                                .input("X")
                                .output("Y")
                                .inplace(0, 0)
                                .ignored_args({"order", "cudnn_exhaustive_search", "use_cudnn"})
                                .infer(infer_relu)
                                .cost(one_flop_per_element)
                                .layout(LayoutPolicy::kFollows)
                                .gradient([](GradientContext& g) {
                                  g.op("ReluGradient", {g.out(0), g.dout(0)}, {g.din(0)});
                                }));

const RegisterOperator relu_gradient(OpSchema("ReluGradient")
                                         .doc("dX = Y > 0 ? dY : 0, element by element.")
                                         .input("Y", "result of Relu")
                                         .input("dY")
                                         .output("dX")
                                         .inplace(1, 0)
                                         .ignored_args({"order", "cudnn_exhaustive_search",
                                                        "use_cudnn"})
                                         .infer(infer_relu_gradient)
                                         .cost(one_flop_per_element)
                                         .layout(LayoutPolicy::kFollows));

const RegisterCpuKernel relu_cpu("Relu", [](const PrepareContext& prepare) {
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel(
        [count = prepare.inputs[0].shape.numel(), width = prepare.width](OpContext& context) {
          const T* x = context.input<T>(0);
          T* y = context.output<T>(0);
          for_parts(width, count, [=](int64_t begin, int64_t end) {
#pragma GCC ivdep  // y is x, or apart from it
            for (int64_t i = begin; i < end; ++i) y[i] = formula::Relu{}(x[i]);
          });
        });
  });
});

const RegisterCpuKernel relu_gradient_cpu("ReluGradient", [](const PrepareContext& prepare) {
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel(
        [count = prepare.inputs[0].shape.numel(), width = prepare.width](OpContext& context) {
          const T* y = context.input<T>(0);
          const T* dy = context.input<T>(1);
          T* dx = context.output<T>(0);
          for_parts(width, count, [=](int64_t begin, int64_t end) {
#pragma GCC ivdep  // dx is dy, or apart from it
            for (int64_t i = begin; i < end; ++i) dx[i] = formula::ReluGradient{}(y[i], dy[i]);
          });
        });
  });
});

}  // namespace
}  // namespace headrace
