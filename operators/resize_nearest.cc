// ResizeNearest and UpsampleNearest: the pixel that lies under the target's.

#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/index_map.h"
#include "operators/resize_shape.h"

namespace headrace {
namespace {

const RegisterOperator resize_nearest(
    resize_schema("ResizeNearest",
                  "An image of other height and width (rounded down); target pixel i shows pixel "
                  "floor(i / scale)."));
const RegisterOperator resize_nearest_gradient(resize_gradient_schema(
    "ResizeNearest",
    "For each pixel of X, the sum of the gradients of all pixels that showed it."));

/// Target pixel i shows pixel floor(i / scale), which rounding must not push out of the image.
struct NearestIndex {
  int64_t size;
  float scale;
  int64_t operator()(int64_t i) const {
    return std::min(static_cast<int64_t>(static_cast<float>(i) / scale), size - 1);
  }
};

Scales run_time_scales(const OpContext& context, int input, const Scales& given) {
  if (context.inputs() <= input) return given;
  const float* values = context.input<float>(input);
  return {values[0], values[1]};
}

const RegisterCpuKernel resize_cpu("ResizeNearest", [](const PrepareContext& prepare) {
  const IndexMap map = resize_map(prepare.args, prepare.inputs[0], prepare.outputs[0]);
  const Scales given = scales_of(prepare.args);
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel(
        [map, given, width = prepare.width](OpContext& context) {
          const Scales scales = run_time_scales(context, 1, given);
          copy_mapped(map, width, context.scratch, context.input<T>(0), context.output<T>(0), T{},
                      NearestIndex{map.source_rows, scales.height},
                      NearestIndex{map.source_cols, scales.width});
        },
        map.scratch_bytes());
  });
});
const RegisterCpuKernel resize_gradient_cpu(
    "ResizeNearestGradient", [](const PrepareContext& prepare) {
      const IndexMap map = resize_map(prepare.args, prepare.outputs[0], prepare.inputs[0]);
      const Scales given = scales_of(prepare.args);
      return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
        return make_kernel(
            [map, given, width = prepare.width](OpContext& context) {
              const Scales scales = run_time_scales(context, 2, given);
              add_mapped(map, width, context.scratch, context.input<T>(0), context.output<T>(0),
                         NearestIndex{map.source_rows, scales.height},
                         NearestIndex{map.source_cols, scales.width});
            },
            map.scratch_bytes());
      });
    });

int64_t whole_scale(const Args& args) {
  const int64_t scale = args.integer("scale");
  require(scale >= 1 && scale < (1 << 20), ErrorCode::kInvalidArgument,
          "UpsampleNearest needs a scale of at least 1, found {}", scale);
  return scale;
}

Shape upsampled(const Args& args, const Shape& x) {
  const int rank = x.rank();
  require(rank >= 2, ErrorCode::kShapeMismatch, "{} has no height and width", x.to_string());
  std::vector<int64_t> dims(x.begin(), x.end());
  for (int axis : {rank - 2, rank - 1}) {
    require(!__builtin_mul_overflow(dims[axis], whole_scale(args), &dims[axis]),
            ErrorCode::kShapeMismatch, "{} is too large to be scaled", x.to_string());
  }
  return Shape(dims);
}

const RegisterOperator upsample_nearest(
    OpSchema("UpsampleNearest")
        .doc("Every pixel `scale` times along height and width, the last two axes.")
        .input("X")
        .output("Y", "X with height and width times scale")
        .arg("scale", 2, "a whole number")
        .infer([](const InferContext& context) {
          require_type(context, 0, FloatTypes{});
          return std::vector<TensorType>{
              {context.dtype(0), upsampled(context.args, context.shape(0))}};
        })
        .gradient([](GradientContext& g) {
          g.op("UpsampleNearestGradient", {g.in(0), g.dout(0)}, {g.din(0)});
        }));
const RegisterOperator upsample_nearest_gradient(
    OpSchema("UpsampleNearestGradient")
        .doc("For each pixel of X, the sum of the gradients of its copies.")
        .input("X", "only its shape is used")
        .input("dY")
        .output("dX")
        .arg("scale", 2, "a whole number")
        .infer([](const InferContext& context) {
          require_type(context, 0, FloatTypes{});
          require_same_type(context, 1, 0);
          require_shape(context, 1, upsampled(context.args, context.shape(0)),
                        "that of the scaled image");
          return std::vector<TensorType>{context.inputs[0]};
        })
        .no_gradient());

IndexMap whole_map(const Shape& x, int64_t scale) {
  const int rank = x.rank();
  const int64_t height = x[rank - 2], width = x[rank - 1];
  return {.outer = x.product(0, rank - 2),
          .source_rows = height,
          .rows = height * scale,
          .source_cols = width,
          .cols = width * scale};
}

const RegisterCpuKernel upsample_cpu("UpsampleNearest", [](const PrepareContext& prepare) {
  const int64_t scale = whole_scale(prepare.args);
  const IndexMap map = whole_map(prepare.inputs[0].shape, scale);
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel(
        [map, scale, width = prepare.width](OpContext& context) {
          auto index = [scale](int64_t i) { return i / scale; };
          copy_mapped(map, width, context.scratch, context.input<T>(0), context.output<T>(0), T{},
                      index, index);
        },
        map.scratch_bytes());
  });
});
const RegisterCpuKernel upsample_gradient_cpu(
    "UpsampleNearestGradient", [](const PrepareContext& prepare) {
      const int64_t scale = whole_scale(prepare.args);
      const IndexMap map = whole_map(prepare.inputs[0].shape, scale);
      return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
        return make_kernel(
            [map, scale, width = prepare.width](OpContext& context) {
              auto index = [scale](int64_t i) { return i / scale; };
              add_mapped(map, width, context.scratch, context.input<T>(1), context.output<T>(0),
                         index, index);
            },
            map.scratch_bytes());
      });
    });

}  // namespace
}  // namespace headrace
