// An operator that headrace does not have: y = x * tanh(log(1 + exp(x))). One file is all it takes:
// what the operator is, its gradient, and a kernel for each of the two.
#include <cmath>

#include "core/gradient_context.h"
#include "core/registry.h"

namespace {

using namespace headrace;

const RegisterOperator mish(OpSchema("Mish")
                                .doc("y = x * tanh(log(1 + exp(x))), element by element")
                                .input("X")
                                .output("Y")
                                .infer(same_as_input(0))
                                .gradient([](GradientContext& g) {
                                  g.op("MishGradient", {g.in(0), g.dout(0)}, {g.din(0)});
                                }));

const RegisterOperator mish_gradient(OpSchema("MishGradient")
                                         .doc("dx = dy * (t + x * s * (1 - t * t)), where "
                                              "t = tanh(log(1 + exp(x))), s = sigmoid(x)")
                                         .input("X")
                                         .input("dY")
                                         .output("dX")
                                         .infer(same_as_input(0)));

float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

/// tanh(log(1 + exp(x))), which is 1 in float long before exp(x) overflows
float gate(float x) { return x > 20 ? 1 : std::tanh(std::log1p(std::exp(x))); }

const RegisterCpuKernel mish_cpu("Mish", [](const PrepareContext& prepare) {
  return make_kernel([count = prepare.inputs[0].shape.numel()](OpContext& context) {
    const float* x = context.input<float>(0);
    float* y = context.output<float>(0);
    for (int64_t i = 0; i < count; ++i) y[i] = x[i] * gate(x[i]);
  });
});

const RegisterCpuKernel mish_gradient_cpu("MishGradient", [](const PrepareContext& prepare) {
  return make_kernel([count = prepare.inputs[0].shape.numel()](OpContext& context) {
    const float* x = context.input<float>(0);
    const float* dy = context.input<float>(1);
    float* dx = context.output<float>(0);
    for (int64_t i = 0; i < count; ++i) {
      const float t = gate(x[i]);
      dx[i] = dy[i] * (t + x[i] * sigmoid(x[i]) * (1 - t * t));
    }
  });
});

}  // namespace
