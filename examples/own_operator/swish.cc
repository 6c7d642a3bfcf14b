// An operator that headrace does not have: y = x * sigmoid(x). One file is all it takes: what the
// operator is, its gradient, and a kernel for each of the two.
#include <cmath>

#include "core/gradient_context.h"
#include "core/registry.h"

namespace {

using namespace headrace;

const RegisterOperator swish(OpSchema("Swish")
                                 .doc("y = x * sigmoid(x), element by element")
                                 .input("X")
                                 .output("Y")
                                 .infer(same_as_input(0))
                                 .gradient([](GradientContext& g) {
                                   g.op("SwishGradient", {g.in(0), g.dout(0)}, {g.din(0)});
                                 }));

const RegisterOperator swish_gradient(OpSchema("SwishGradient")
                                          .doc("dx = dy * (s + x * s * (1 - s)), s = sigmoid(x)")
                                          .input("X")
                                          .input("dY")
                                          .output("dX")
                                          .infer(same_as_input(0)));

float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

const RegisterCpuKernel swish_cpu("Swish", [](const PrepareContext& prepare) {
  return make_kernel([count = prepare.inputs[0].shape.numel()](OpContext& context) {
    const float* x = context.input<float>(0);
    float* y = context.output<float>(0);
    for (int64_t i = 0; i < count; ++i) y[i] = x[i] * sigmoid(x[i]);
  });
});

const RegisterCpuKernel swish_gradient_cpu("SwishGradient", [](const PrepareContext& prepare) {
  return make_kernel([count = prepare.inputs[0].shape.numel()](OpContext& context) {
    const float* x = context.input<float>(0);
    const float* dy = context.input<float>(1);
    float* dx = context.output<float>(0);
    for (int64_t i = 0; i < count; ++i) {
      const float s = sigmoid(x[i]);
      dx[i] = dy[i] * (s + x[i] * s * (1 - s));
    }
  });
});

}  // namespace
