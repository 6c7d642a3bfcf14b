// Activations whose gradient follows from their output: Elu, Selu, LeakyRelu, HardSigmoid,
// Softplus.

#include <cmath>

#include "core/error.h"
#include "core/registry.h"
#include "operators/map.h"

namespace headrace {
namespace {

OpSchema& declare_elu(OpSchema& schema) {
  return schema.arg("alpha", 1.0f, "what the negative part tends to, negated");
}

template <typename T>
struct Elu {
  explicit Elu(const Args& args) : alpha(T{args.real("alpha")}) {}
  T operator()(T x) const { return x < 0 ? alpha * std::expm1(x) : x; }
  T alpha;
};

template <typename T>
struct EluGradient {
  explicit EluGradient(const Args& args) : alpha(T{args.real("alpha")}) {}
  T operator()(T y, T dy) const { return y < 0 ? dy * (y + alpha) : dy; }
  T alpha;
};

/// `alpha` and `scale` that keep mean 0 and variance 1 (Klambauer et al., Self-Normalizing Neural
/// Networks, 2017, eq. 14).
constexpr float kSeluAlpha = 1.6732632423543772848170429916717f;
constexpr float kSeluScale = 1.0507009873554804934193349852946f;

OpSchema& declare_selu(OpSchema& schema) {
  return schema.arg("alpha", kSeluAlpha, "above 0")
      .arg("scale", kSeluScale, "above 1")
      .infer([](const InferContext& context) {
        const float alpha = context.args.real("alpha"), scale = context.args.real("scale");
        require(alpha > 0, ErrorCode::kInvalidArgument, "Selu needs alpha > 0, found {}", alpha);
        require(scale > 1, ErrorCode::kInvalidArgument, "Selu needs scale > 1, found {}", scale);
        return infer_map(context);
      });
}

template <typename T>
struct Selu {
  explicit Selu(const Args& args)
      : scale(T{args.real("scale")}), low(scale * T{args.real("alpha")}) {}
  T operator()(T x) const { return x > 0 ? scale * x : low * std::expm1(x); }
  T scale, low;
};

template <typename T>
struct SeluGradient {
  explicit SeluGradient(const Args& args)
      : scale(T{args.real("scale")}), low(scale * T{args.real("alpha")}) {}
  T operator()(T y, T dy) const { return dy * (y > 0 ? scale : y + low); }
  T scale, low;
};

OpSchema& declare_leaky_relu(OpSchema& schema) {
  return schema.arg("alpha", 0.01f, "slope of the negative part");
}

template <typename T>
struct LeakyRelu {
  explicit LeakyRelu(const Args& args) : alpha(T{args.real("alpha")}) {}
  T operator()(T x) const { return x < 0 ? alpha * x : x; }
  T alpha;
};

template <typename T>
struct LeakyReluGradient {
  explicit LeakyReluGradient(const Args& args) : alpha(T{args.real("alpha")}) {}
  T operator()(T y, T dy) const { return y < 0 ? alpha * dy : dy; }
  T alpha;
};

OpSchema& declare_hard_sigmoid(OpSchema& schema) {
  return schema.arg("alpha", 0.2f, "slope").arg("beta", 0.5f, "value at 0");
}

template <typename T>
struct HardSigmoid {
  explicit HardSigmoid(const Args& args)
      : alpha(T{args.real("alpha")}), beta(T{args.real("beta")}) {}
  T operator()(T x) const {
    const T y = alpha * x + beta;
    return y < 0 ? 0 : y > 1 ? 1 : y;
  }
  T alpha, beta;
};

template <typename T>
struct HardSigmoidGradient {
  explicit HardSigmoidGradient(const Args& args) : alpha(T{args.real("alpha")}) {}
  T operator()(T y, T dy) const { return y > 0 && y < 1 ? alpha * dy : 0; }
  T alpha;
};

template <typename T>
struct Softplus {
  explicit Softplus(const Args&) {}
  /// log(1 + e^x) without overflow for large x, precise for very negative ones.
  T operator()(T x) const { return std::max(x, T{0}) + std::log1p(std::exp(-std::abs(x))); }
};

template <typename T>
struct SoftplusGradient {
  explicit SoftplusGradient(const Args&) {}
  T operator()(T y, T dy) const { return dy * -std::expm1(-y); }
};

OpSchema& declare_softplus(OpSchema& schema) {
  return schema.differs("Y is X for large X; in Caffe2 it is infinite from 89 on.");
}

/// An activation and its gradient operator, which takes (Y, dY) and the same arguments.
template <template <typename> class F, template <typename> class G>
struct RegisterActivation {
  RegisterActivation(const std::string& type, const char* doc, double flops, const char* derivative,
                     OpSchema& (*declare)(OpSchema&))
      : forward(forward_schema(type, doc, flops, declare)),
        backward(backward_schema(type, derivative, declare)),
        forward_kernel(type, prepare_function<F, 1>),
        backward_kernel(type + "Gradient", prepare_function<G, 2>) {}

  static OpSchema forward_schema(const std::string& type, const char* doc, double flops,
                                 OpSchema& (*declare)(OpSchema&)) {
    OpSchema schema = map_schema(type, doc, flops);
    return declare(schema).gradient(gradient_from_output(type + "Gradient"));
  }
  static OpSchema backward_schema(const std::string& type, const char* derivative,
                                  OpSchema& (*declare)(OpSchema&)) {
    OpSchema schema = map_gradient_schema(type + "Gradient", derivative, 3);
    return declare(schema);
  }

  RegisterOperator forward;
  RegisterOperator backward;
  RegisterCpuKernel forward_kernel;
  RegisterCpuKernel backward_kernel;
};

const RegisterActivation<Elu, EluGradient> elu(
    "Elu", "Y = X where X >= 0, alpha * (exp(X) - 1) elsewhere.", 20,
    "dX = dY where Y >= 0, (Y + alpha) * dY elsewhere.", declare_elu);
const RegisterActivation<Selu, SeluGradient> selu(
    "Selu", "Y = scale * (X where X > 0, alpha * (exp(X) - 1) elsewhere).", 20,
    "dX = dY * (scale where Y > 0, Y + scale * alpha elsewhere).", declare_selu);
const RegisterActivation<LeakyRelu, LeakyReluGradient> leaky_relu(
    "LeakyRelu", "Y = X where X >= 0, alpha * X elsewhere.", 2,
    "dX = dY where Y >= 0, alpha * dY elsewhere.", declare_leaky_relu);
const RegisterActivation<HardSigmoid, HardSigmoidGradient> hard_sigmoid(
    "HardSigmoid", "Y = alpha * X + beta, limited to [0, 1].", 4,
    "dX = alpha * dY where 0 < Y < 1, 0 elsewhere.", declare_hard_sigmoid);
const RegisterActivation<Softplus, SoftplusGradient> softplus("Softplus", "Y = log(1 + exp(X)).",
                                                              30, "dX = dY * (1 - exp(-Y)).",
                                                              declare_softplus);

}  // namespace
}  // namespace headrace
