#include <limits>

#include "core/error.h"
#include "core/registry.h"
#include "operators/map.h"

namespace headrace {
namespace {

constexpr float kLowest = std::numeric_limits<float>::lowest();
constexpr float kHighest = std::numeric_limits<float>::max();

std::vector<TensorType> infer_clip(const InferContext& context) {
  float low = context.args.real("min");
  float high = context.args.real("max");
  require(low <= high, ErrorCode::kInvalidArgument, "Clip needs min <= max, found min {}, max {}",
          low, high);
  return infer_map(context);
}

OpSchema& declare_bounds(OpSchema& schema) {
  return schema.arg("min", kLowest).arg("max", kHighest).infer(infer_clip);
}

OpSchema clip_schema() {
  OpSchema schema = map_schema("Clip", "Y = X limited to [min, max]; a NaN stays one.", 2);
  return declare_bounds(schema).gradient(gradient_from_output("ClipGradient"));
}
const RegisterOperator clip(clip_schema());
const RegisterCpuKernel clip_cpu("Clip", [](const PrepareContext& prepare) {
  return prepare_map(prepare, FloatTypes{}, [&]<typename T>() {
    return [low = T{prepare.args.real("min")}, high = T{prepare.args.real("max")}](T x) {
      return x < low ? low : x > high ? high : x;
    };
  });
});

OpSchema clip_gradient_schema() {
  OpSchema schema =
      map_gradient_schema("ClipGradient", "dX = dY where min < Y < max, 0 elsewhere.", 2);
  return declare_bounds(schema);
}
const RegisterOperator clip_gradient(clip_gradient_schema());
const RegisterCpuKernel clip_gradient_cpu("ClipGradient", [](const PrepareContext& prepare) {
  return prepare_map2(prepare, FloatTypes{}, [&]<typename T>() {
    return [low = T{prepare.args.real("min")}, high = T{prepare.args.real("max")}](T y, T dy) {
      return y > low && y < high ? dy : T{0};
    };
  });
});

}  // namespace
}  // namespace headrace
