// Sigmoid and Tanh. Their gradients are computed from the output.

#include <cmath>

#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/parts.h"

namespace headrace {
namespace {

struct Sigmoid {
  template <typename T>
  static T apply(T x) {
    return T{1} / (T{1} + std::exp(-x));
  }
  template <typename T>
  static T slope(T y) {
    return y * (T{1} - y);
  }
};

struct Tanh {
  template <typename T>
  static T apply(T x) {
    return std::tanh(x);
  }
  template <typename T>
  static T slope(T y) {
    return T{1} - y * y;
  }
};

template <typename Op>
std::unique_ptr<Kernel> prepare_forward(const PrepareContext& prepare) {
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel(
        [count = prepare.outputs[0].shape.numel(), width = prepare.width](OpContext& context) {
          const T* x = context.input<T>(0);
          T* y = context.output<T>(0);
          for_parts(width, count, [&](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) y[i] = Op::apply(x[i]);
          });
        });
  });
}

template <typename Op>
std::unique_ptr<Kernel> prepare_gradient(const PrepareContext& prepare) {
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel(
        [count = prepare.outputs[0].shape.numel(), width = prepare.width](OpContext& context) {
          const T* y = context.input<T>(0);
          const T* dy = context.input<T>(1);
          T* dx = context.output<T>(0);
          for_parts(width, count, [&](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) dx[i] = dy[i] * Op::slope(y[i]);
          });
        });
  });
}

std::vector<TensorType> infer_forward(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  return {context.inputs[0]};
}

std::vector<TensorType> infer_gradient(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  require_same_type(context, 1, 0);
  require_same_shape(context, 1, 0);
  return {context.inputs[0]};
}

CostFn cost_of(double flops) {
  return [flops](const CostContext& context) {
    return Cost{flops * static_cast<double>(context.outputs[0].shape.numel()),
                context.operand_bytes()};
  };
}

OpSchema forward_schema(const std::string& type, const char* doc) {
  OpSchema schema(type);
  schema.doc(doc)
      .input("X")
      .output("Y")
      .inplace(0, 0)
      .infer(infer_forward)
      .cost(cost_of(20))
      .layout(LayoutPolicy::kFollows)
      .gradient([type](GradientContext& g) {
        g.op(type + "Gradient", {g.out(0), g.dout(0)}, {g.din(0)});
      });
  return schema;
}

OpSchema gradient_schema(const std::string& type, const char* doc) {
  OpSchema schema(type);
  schema.doc(doc)
      .input("Y")
      .input("dY")
      .output("dX")
      .inplace(1, 0)
      .infer(infer_gradient)
      .cost(cost_of(3))
      .layout(LayoutPolicy::kFollows)
      .no_gradient();
  return schema;
}

const RegisterOperator sigmoid(forward_schema("Sigmoid", "Y = 1 / (1 + exp(-X))."));
const RegisterOperator sigmoid_gradient(gradient_schema("SigmoidGradient",
                                                        "dX = dY * Y * (1 - Y)."));
const RegisterCpuKernel sigmoid_cpu("Sigmoid", prepare_forward<Sigmoid>);
const RegisterCpuKernel sigmoid_gradient_cpu("SigmoidGradient", prepare_gradient<Sigmoid>);

const RegisterOperator tanh_operator(forward_schema("Tanh", "Y = tanh(X)."));
const RegisterOperator tanh_gradient(gradient_schema("TanhGradient", "dX = dY * (1 - Y * Y)."));
const RegisterCpuKernel tanh_cpu("Tanh", prepare_forward<Tanh>);
const RegisterCpuKernel tanh_gradient_cpu("TanhGradient", prepare_gradient<Tanh>);

}  // namespace
}  // namespace headrace
