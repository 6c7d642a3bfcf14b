#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/map.h"

namespace headrace {
namespace {

const RegisterOperator scale(
    map_schema("Scale", "Y = scale * X.", 1).arg("scale", 1.0f).gradient([](GradientContext& g) {
      g.op("Scale", {g.dout(0)}, {g.din(0)});
    }));

const RegisterCpuKernel scale_cpu("Scale", [](const PrepareContext& prepare) {
  return prepare_map(prepare, FloatTypes{}, [&]<typename T>() {
    return [factor = T{prepare.args.real("scale")}](T x) { return factor * x; };
  });
});

}  // namespace
}  // namespace headrace
