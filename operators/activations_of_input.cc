// Functions whose gradient needs their input: Swish, Gelu, Softsign, Abs.

#include <cmath>
#include <numbers>

#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/map.h"

namespace headrace {
namespace {

template <typename T>
T logistic(T x) {
  return T{1} / (T{1} + std::exp(-x));
}

template <typename T>
struct Swish {
  explicit Swish(const Args&) {}
  T operator()(T x) const { return x / (T{1} + std::exp(-x)); }
};
template <typename T>
struct SwishGradient {
  explicit SwishGradient(const Args&) {}
  T operator()(T x, T y, T dy) const { return dy * (y + logistic(x) * (T{1} - y)); }
};

const RegisterOperator swish(
    map_schema("Swish", "Y = X / (1 + exp(-X)).", 20).gradient([](GradientContext& g) {
      g.op("SwishGradient", {g.in(0), g.out(0), g.dout(0)}, {g.din(0)});
    }));
const RegisterOperator swish_gradient(map_gradient_schema(
    "SwishGradient", "dX = dY * (Y + (1 - Y) / (1 + exp(-X))).", 24, {"X", "Y", "dY"}));
const RegisterCpuKernel swish_cpu("Swish", prepare_function<Swish, 1>);
const RegisterCpuKernel swish_gradient_cpu("SwishGradient", prepare_function<SwishGradient, 3>);

/// Argument `fast_gelu` asks for the approximation of Hendrycks and Gimpel, Gaussian Error Linear
/// Units, 2016: X / 2 * (1 + tanh(sqrt(2 / pi) * (X + 0.044715 * X^3))).
constexpr double kFastCubic = 0.044715;
constexpr double kFastScale = 0.79788456080286535588;  // sqrt(2 / pi)

template <typename T>
struct Gelu {
  explicit Gelu(const Args& args) : fast(args.flag("fast_gelu")) {}
  T operator()(T x) const {
    if (!fast) return T{0.5} * x * std::erfc(-x * std::numbers::sqrt2_v<T> / 2);
    return T{0.5} * x * (T{1} + std::tanh(T(kFastScale) * x * (T{1} + T(kFastCubic) * x * x)));
  }
  bool fast;
};
template <typename T>
struct GeluGradient {
  explicit GeluGradient(const Args& args) : fast(args.flag("fast_gelu")) {}
  T operator()(T dy, T x) const {
    if (!fast) {
      const T density = T(kFastScale / 2) * std::exp(T{-0.5} * x * x);
      return dy * (T{0.5} * std::erfc(-x * std::numbers::sqrt2_v<T> / 2) + x * density);
    }
    const T t = std::tanh(T(kFastScale) * x * (T{1} + T(kFastCubic) * x * x));
    const T slope = T(kFastScale) * (T{1} + T(3 * kFastCubic) * x * x);
    return dy * T{0.5} * (T{1} + t + x * (T{1} - t * t) * slope);
  }
  bool fast;
};

OpSchema& declare_gelu(OpSchema& schema) {
  return schema.arg("fast_gelu", 0, "1: the approximation by tanh");
}
OpSchema gelu_schema() {
  OpSchema schema =
      map_schema("Gelu", "Y = X * P(N <= X), where N is a standard normal number.", 30);
  return declare_gelu(schema).gradient([](GradientContext& g) {
    g.op("GeluGradient", {g.dout(0), g.in(0)}, {g.din(0)});
  });
}
OpSchema gelu_gradient_schema() {
  OpSchema schema = map_gradient_schema(
      "GeluGradient", "dX = dY * (P(N <= X) + X * density of N at X).", 50, {"dY", "X"});
  return declare_gelu(schema);
}
const RegisterOperator gelu(gelu_schema());
const RegisterOperator gelu_gradient(gelu_gradient_schema());
const RegisterCpuKernel gelu_cpu("Gelu", prepare_function<Gelu, 1>);
const RegisterCpuKernel gelu_gradient_cpu("GeluGradient", prepare_function<GeluGradient, 2>);

template <typename T>
struct Softsign {
  explicit Softsign(const Args&) {}
  T operator()(T x) const { return x / (T{1} + std::abs(x)); }
};
template <typename T>
struct SoftsignGradient {
  explicit SoftsignGradient(const Args&) {}
  T operator()(T x, T dy) const {
    const T y = T{1} + std::abs(x);
    return dy / (y * y);
  }
};

const RegisterOperator softsign(map_schema("Softsign", "Y = X / (1 + |X|).", 3)
                                    .gradient(gradient_from_input("SoftsignGradient")));
const RegisterOperator softsign_gradient(map_gradient_schema("SoftsignGradient",
                                                             "dX = dY / (1 + |X|)^2.", 4,
                                                             {"X", "dY"}));
const RegisterCpuKernel softsign_cpu("Softsign", prepare_function<Softsign, 1>);
const RegisterCpuKernel softsign_gradient_cpu("SoftsignGradient",
                                              prepare_function<SoftsignGradient, 2>);

template <typename T>
struct Abs {
  explicit Abs(const Args&) {}
  T operator()(T x) const { return std::abs(x); }
};
template <typename T>
struct AbsGradient {
  explicit AbsGradient(const Args&) {}
  T operator()(T x, T dy) const { return x > 0 ? dy : x < 0 ? -dy : T{0}; }
};

const RegisterOperator abs_operator(
    map_schema("Abs", "Y = |X|.", 1).gradient(gradient_from_input("AbsGradient")));
const RegisterOperator abs_gradient(map_gradient_schema(
    "AbsGradient", "dX = dY where X > 0, -dY where X < 0, 0 elsewhere.", 2, {"X", "dY"}));
const RegisterCpuKernel abs_cpu("Abs", prepare_function<Abs, 1>);
const RegisterCpuKernel abs_gradient_cpu("AbsGradient", prepare_function<AbsGradient, 2>);

}  // namespace
}  // namespace headrace
