// Elementary functions whose gradients are other operators: Exp, Log, Sqr, Sqrt, Negative,
// NegateGradient.

#include <cmath>

#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/map.h"

namespace headrace {
namespace {

template <typename T>
struct Exp {
  explicit Exp(const Args&) {}
  T operator()(T x) const { return std::exp(x); }
};
const RegisterOperator exp_operator(
    map_schema("Exp", "Y = exp(X).", 20).gradient([](GradientContext& g) {
      g.op("Mul", {g.out(0), g.dout(0)}, {g.din(0)});
    }));
const RegisterCpuKernel exp_cpu("Exp", prepare_function<Exp, 1>);

template <typename T>
struct Log {
  explicit Log(const Args&) {}
  T operator()(T x) const { return std::log(x); }
};
const RegisterOperator log_operator(
    map_schema("Log", "Y = the natural logarithm of X: minus infinity for 0, NaN below.", 20)
        .gradient([](GradientContext& g) {
          g.op("Div", {g.dout(0), g.in(0)}, {g.din(0)});
        }));
const RegisterCpuKernel log_cpu("Log", prepare_function<Log, 1>);

template <typename T>
struct Sqr {
  explicit Sqr(const Args&) {}
  T operator()(T x) const { return x * x; }
};
/// dX = 2 * dY * X. Caffe2 scales dY in place first; here it is left alone, because other gradient
/// operators may read it too.
void sqr_gradient(GradientContext& g) {
  std::string dx = g.din(0);
  set_arg(g.op("Scale", {g.dout(0)}, {dx}), "scale", 2.0f);
  g.op("Mul", {dx, g.in(0)}, {dx});
}
const RegisterOperator sqr_operator(map_schema("Sqr", "Y = X * X.", 1)
                                        .differs("The gradient of Y is scaled in a copy; Caffe2 "
                                                 "overwrites it, though others may read it.")
                                        .gradient(sqr_gradient));
const RegisterCpuKernel sqr_cpu("Sqr", prepare_function<Sqr, 1>);

template <typename T>
struct Sqrt {
  explicit Sqrt(const Args&) {}
  T operator()(T x) const { return std::sqrt(x); }
};
/// dX = dY / 2 / Y.
void sqrt_gradient(GradientContext& g) {
  std::string dx = g.din(0);
  set_arg(g.op("Scale", {g.dout(0)}, {dx}), "scale", 0.5f);
  g.op("Div", {dx, g.out(0)}, {dx});
}
const RegisterOperator sqrt_operator(
    map_schema("Sqrt", "Y = the square root of X; NaN for negative numbers.", 5)
        .gradient(sqrt_gradient));
const RegisterCpuKernel sqrt_cpu("Sqrt", prepare_function<Sqrt, 1>);

template <typename T>
struct Negative {
  explicit Negative(const Args&) {}
  /// The negation of the smallest integer, which does not fit, is that integer again.
  T operator()(T x) const {
    if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(-static_cast<std::make_unsigned_t<T>>(x));
    } else {
      return -x;
    }
  }
};

void negate(GradientContext& g) { g.op("Negative", {g.dout(0)}, {g.din(0)}); }

std::vector<TensorType> infer_number(const InferContext& context) {
  require_type(context, 0, NumberTypes{});
  return {context.inputs[0]};
}

const RegisterOperator negative(
    map_schema("Negative", "Y = -X.", 1).infer(infer_number).gradient(negate));
const RegisterCpuKernel negative_cpu("Negative", prepare_function<Negative, 1, NumberTypes>);

template <typename T>
struct Identity {
  explicit Identity(const Args&) {}
  T operator()(T x) const { return x; }
};
const RegisterOperator negate_gradient(
    map_schema("NegateGradient",
               "Y = X, but its gradient is negated: what comes before it is trained to make the "
               "loss grow.",
               0)
        .infer(infer_number)
        .gradient(negate));
const RegisterCpuKernel negate_gradient_cpu("NegateGradient",
                                            prepare_function<Identity, 1, NumberTypes>);

}  // namespace
}  // namespace headrace
