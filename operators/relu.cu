#include "core/registry.h"
#include "operators/elementwise.cuh"
#include "operators/formulas.h"

namespace headrace {
namespace {

const RegisterCudaKernel relu("Relu", [](const PrepareContext& prepare) {
  return prepare_device_map(prepare, FloatTypes{}, formula::Relu{});
});
const RegisterCudaKernel relu_gradient("ReluGradient", [](const PrepareContext& prepare) {
  return prepare_device_map2(prepare, FloatTypes{}, formula::ReluGradient{});
});

}  // namespace
}  // namespace headrace
