#include "core/registry.h"
#include "operators/elementwise.cuh"
#include "operators/formulas.h"

namespace headrace {
namespace {

const RegisterCudaKernel scale("Scale", [](const PrepareContext& prepare) {
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return prepare_device_map(prepare, Types<T>{}, formula::ScaleBy<T>{prepare.args.real("scale")});
  });
});

}  // namespace
}  // namespace headrace
