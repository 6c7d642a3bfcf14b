#include "core/registry.h"
#include "operators/formulas.h"
#include "operators/map.h"

namespace headrace {
namespace {

const RegisterOperator sigmoid(map_schema("Sigmoid", "Y = 1 / (1 + exp(-X)).", 20)
                                   .gradient(gradient_from_output("SigmoidGradient")));
const RegisterCpuKernel sigmoid_cpu("Sigmoid", [](const PrepareContext& prepare) {
  return prepare_map(prepare, FloatTypes{}, []<typename T>() { return formula::Sigmoid{}; });
});
const RegisterOperator sigmoid_gradient(map_gradient_schema("SigmoidGradient",
                                                            "dX = dY * Y * (1 - Y).", 3));
const RegisterCpuKernel sigmoid_gradient_cpu("SigmoidGradient", [](const PrepareContext& prepare) {
  return prepare_map2(prepare, FloatTypes{},
                      []<typename T>() { return formula::SigmoidGradient{}; });
});

const RegisterOperator tanh_operator(
    map_schema("Tanh", "Y = tanh(X).", 20).gradient(gradient_from_output("TanhGradient")));
const RegisterCpuKernel tanh_cpu("Tanh", [](const PrepareContext& prepare) {
  return prepare_map(prepare, FloatTypes{}, []<typename T>() { return formula::Tanh{}; });
});
const RegisterOperator tanh_gradient(map_gradient_schema("TanhGradient", "dX = dY * (1 - Y * Y).",
                                                         3));
const RegisterCpuKernel tanh_gradient_cpu("TanhGradient", [](const PrepareContext& prepare) {
  return prepare_map2(prepare, FloatTypes{}, []<typename T>() { return formula::TanhGradient{}; });
});

}  // namespace
}  // namespace headrace
