// Pow with a constant exponent.

#include <cmath>

#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/map.h"

namespace headrace {
namespace {

/// dX = exponent * X^(exponent - 1) * dY, in the three steps that Caffe2 writes.
void pow_gradient(GradientContext& g) {
  float exponent = g.args().real("exponent");
  std::string dx = g.din(0);
  set_arg(g.op("Pow", {g.in(0)}, {dx}), "exponent", exponent - 1);
  remove_arg(g.op("Mul", {dx, g.dout(0)}, {dx}), "exponent");
  OperatorDef& scale = g.op("Scale", {dx}, {dx});
  remove_arg(scale, "exponent");
  set_arg(scale, "scale", exponent);
}

const RegisterOperator pow_operator(
    map_schema("Pow", "Y = X to the power `exponent`; NaN where that is not a real number.", 20)
        .required_arg("exponent", ArgKind::kFloat)
        .gradient(pow_gradient));

const RegisterCpuKernel pow_cpu("Pow", [](const PrepareContext& prepare) {
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
