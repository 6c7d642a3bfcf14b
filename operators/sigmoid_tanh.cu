#include "core/registry.h"
#include "operators/elementwise.cuh"
#include "operators/formulas.h"

namespace headrace {
namespace {

const RegisterCudaKernel sigmoid("Sigmoid", [](const PrepareContext& prepare) {
  return prepare_device_map(prepare, FloatTypes{}, formula::Sigmoid{});
});
const RegisterCudaKernel sigmoid_gradient("SigmoidGradient", [](const PrepareContext& prepare) {
  return prepare_device_map2(prepare, FloatTypes{}, formula::SigmoidGradient{});
});
const RegisterCudaKernel tanh_cuda("Tanh", [](const PrepareContext& prepare) {
  return prepare_device_map(prepare, FloatTypes{}, formula::Tanh{});
});
const RegisterCudaKernel tanh_gradient("TanhGradient", [](const PrepareContext& prepare) {
  return prepare_device_map2(prepare, FloatTypes{}, formula::TanhGradient{});
});

}  // namespace
}  // namespace headrace
