#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/formulas.h"
#include "operators/map.h"

namespace headrace {
namespace {

const RegisterOperator scale(
    map_schema("Scale", "Y = scale * X.", 1).arg("scale", 1.0f).gradient([](GradientContext& g) {
      g.op("Scale", {g.dout(0)}, {g.din(0)});
    }));

const RegisterCpuKernel scale_cpu("Scale", [](const PrepareContext& prepare) {
  return prepare_map(prepare, FloatTypes{},
                     [&]<typename T>() { return formula::ScaleBy<T>{prepare.args.real("scale")}; });
});

}  // namespace
}  // namespace headrace
