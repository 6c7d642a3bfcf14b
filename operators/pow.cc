// Pow with a constant exponent or with a tensor of them.

#include <cmath>

#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/binary.h"
#include "operators/map.h"

namespace headrace {
namespace {

/// dX = exponent * X^(exponent - 1) * dY, in the three steps that Caffe2 writes.
void constant_gradient(GradientContext& g) {
  float exponent = g.args().real("exponent");
  std::string dx = g.din(0);
  set_arg(g.op("Pow", {g.in(0)}, {dx}), "exponent", exponent - 1);
  remove_arg(g.op("Mul", {dx, g.dout(0)}, {dx}), "exponent");
  OperatorDef& scale = g.op("Scale", {dx}, {dx});
  remove_arg(scale, "exponent");
  set_arg(scale, "scale", exponent);
}

void remove_broadcast(OperatorDef& op) {
  for (const char* name : {"broadcast", "axis", "axis_str", "order", "exponent"}) {
    remove_arg(op, name);
  }
}

/// dX = exponent * X^(exponent - 1) * dY and dexponent = log(X) * Y * dY, summed over what the
/// exponent was repeated for, in the steps that Caffe2 writes. The gradient of the exponent first
/// holds the exponent less one.
void tensor_gradient(GradientContext& g) {
  const std::string dx = g.din(0), dexponent = g.din(1);
  OperatorDef& one = g.op("ConstantFill", {g.in(1)}, {dexponent});
  remove_broadcast(one);
  set_arg(one, "value", 1.0f);
  remove_broadcast(g.op("Sub", {g.in(1), dexponent}, {dexponent}));
  g.op("Pow", {g.in(0), dexponent}, {dx});
  remove_broadcast(g.op("Mul", {dx, g.dout(0)}, {dx}));
  remove_arg(g.op("Mul", {dx, g.in(1)}, {dx}), "exponent");
  const bool repeated = g.args().flag("broadcast");
  const std::string terms = dexponent + "_autogen_pre_red";
  remove_broadcast(g.op("Log", {g.in(0)}, {terms}));
  remove_broadcast(g.op("Mul", {terms, g.out(0)}, {terms}));
  remove_broadcast(g.op("Mul", {terms, g.dout(0)}, {repeated ? terms : dexponent}));
  if (!repeated) return;
  OperatorDef& sum = g.op("SumReduceLike", {terms, g.in(1)}, {dexponent});
  remove_arg(sum, "broadcast");
  remove_arg(sum, "exponent");
}

std::vector<TensorType> infer_pow(const InferContext& context) {
  if (context.inputs.size() == 1) {
    require(context.args.has("exponent"), ErrorCode::kInvalidNet,
            "Pow needs the exponent, as argument 'exponent' or as input 1");
    return infer_map(context);
  }
  require_type(context, 0, FloatTypes{});
  require_same_type(context, 1, 0);
  if (!context.args.flag("broadcast")) {
    require_same_shape(context, 1, 0);
  } else {
    legacy_broadcast(context.args, context.shape(0), context.shape(1));
  }
  return {context.inputs[0]};
}

OpSchema pow_schema() {
  OpSchema schema("Pow");
  schema
      .doc(
          "Y = X to the power of the exponent; NaN where that is not a real number. Exponents "
          "have the shape of X unless broadcast: 1.")
      .input("X")
      .optional_input("exponent", "instead of the argument")
      .output("Y")
      .optional_arg("exponent", ArgKind::kFloat)
      .inplace(0, 0)
      .inplace(1, 0);
  return declare_broadcast(schema)
      .infer(infer_pow)
      .cost(cost_per_element(20))
      .layout(LayoutPolicy::kFollows)
      .gradient(
          [](GradientContext& g) { g.inputs() == 1 ? constant_gradient(g) : tensor_gradient(g); });
}
const RegisterOperator pow_operator(pow_schema());

struct Power {
  template <typename T>
  static T apply(T x, T exponent) {
    return std::pow(x, exponent);
  }
};

const RegisterCpuKernel pow_cpu("Pow", [](const PrepareContext& prepare) {
  if (prepare.inputs.size() > 1) {
    // The gradient begins with ones, and those are float32.
    require_float32(prepare, {0, 1});
    return prepare_binary<Power, FloatTypes>(prepare);
  }
  float exponent = prepare.args.real("exponent");
  if (exponent == 2) {
    return prepare_map(prepare, FloatTypes{},
                       []<typename T>() { return [](T x) { return x * x; }; });
  }
  return prepare_map(prepare, FloatTypes{}, [&]<typename T>() {
    return [exponent = T{exponent}](T x) { return std::pow(x, exponent); };
  });
});

}  // namespace
}  // namespace headrace
