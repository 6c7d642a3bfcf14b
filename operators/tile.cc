#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/index_input.h"
#include "operators/index_map.h"
#include "operators/strided_copy.h"

namespace headrace {
namespace {

struct Tiling {
  int axis = 0;
  int64_t tiles = 1;
};

/// Tiles and axis come from inputs 1 and 2 where there are any, from arguments otherwise; nothing
/// while those inputs are not known.
std::optional<Tiling> tiling_of(const InferContext& context) {
  const Args& args = context.args;
  const bool tiles_input = context.inputs.size() > 1, axis_input = context.inputs.size() > 2;
  for (int i = 1; i < static_cast<int>(context.inputs.size()); ++i) {
    require_type(context, i, IndexTypes{});
    require_shape(context, i, {1}, "one number");
  }
  require(tiles_input || args.has("tiles"), ErrorCode::kInvalidArgument,
          "Tile needs the number of tiles, as argument 'tiles' or as input 1");
  require(axis_input || args.has("axis"), ErrorCode::kInvalidArgument,
          "Tile needs the axis, as argument 'axis' or as input 2");
  require(
      !tiles_input || axis_input || context.dtype(1) == DType::kInt32 || args.integer("axis") == 0,
      ErrorCode::kInvalidArgument,
      "with int64 tiles as input Caffe2 takes axis 0 whatever the argument 'axis' says, here "
      "{}; give the axis as input 2, or the tiles as int32",
      args.has("axis") ? args.integer("axis") : 0);
  int64_t tiles = tiles_input ? 0 : args.integer("tiles");
  int64_t axis = axis_input ? 0 : args.integer("axis");
  if (tiles_input) {
    auto known = known_integers(context, 1);
    if (!known) return std::nullopt;
    tiles = known->front();
  }
  if (axis_input) {
    auto known = known_integers(context, 2);
    if (!known) return std::nullopt;
    axis = known->front();
  }
  require(tiles >= 0, ErrorCode::kInvalidArgument, "Tile cannot make {} tiles", tiles);
  return Tiling{context.shape(0).axis(axis), tiles};
}

std::vector<TensorType> infer_tile(const InferContext& context) {
  auto tiling = tiling_of(context);
  if (!tiling) return {{context.dtype(0), std::nullopt}};
  const Shape& shape = context.shape(0);
  std::vector<int64_t> dims(shape.begin(), shape.end());
  require(!__builtin_mul_overflow(dims[tiling->axis], tiling->tiles, &dims[tiling->axis]),
          ErrorCode::kShapeMismatch, "{} tiles of {} have too many elements", tiling->tiles,
          shape.to_string());
  return {{context.dtype(0), Shape(dims)}};
}

std::vector<TensorType> infer_tile_gradient(const InferContext& context) {
  require_type(context, 0, NumberTypes{});
  auto tiling = tiling_of(context);
  if (!tiling) return {{context.dtype(0), std::nullopt}};
  const Shape& shape = context.shape(0);
  std::vector<int64_t> dims(shape.begin(), shape.end());
  int64_t& size = dims[tiling->axis];
  require(tiling->tiles > 0 && size % tiling->tiles == 0, ErrorCode::kShapeMismatch,
          "axis {} of the gradient, {}, is not {} tiles", tiling->axis, shape.to_string(),
          tiling->tiles);
  size /= tiling->tiles;
  return {{context.dtype(0), Shape(dims)}};
}

OpSchema& declare_tiles(OpSchema& schema) {
  return schema.optional_input("tiles", "int32 or int64, instead of the argument")
      .optional_input("axis", "likewise")
      .optional_arg("tiles", ArgKind::kInt, "how many times the tensor is repeated")
      .optional_arg("axis", ArgKind::kInt, "along which axis; negative from the end");
}

OpSchema tile_schema() {
  OpSchema schema("Tile");
  schema.doc("X several times in a row along an axis.")
      .differs("An `axis` other than 0 beside int64 tiles is an error; Caffe2 takes axis 0.")
      .input("X")
      .output("Y", "X repeated along the axis");
  return declare_tiles(schema).infer(infer_tile).gradient([](GradientContext& g) {
    std::vector<std::string> inputs = {g.dout(0)};
    for (int i = 1; i < g.inputs(); ++i) inputs.push_back(g.in(i));
    g.op("TileGradient", inputs, {g.din(0)});
  });
}
OpSchema tile_gradient_schema() {
  OpSchema schema("TileGradient");
  schema.doc("The sum of the gradients of all tiles.")
      .input("dY")
      .output("dX", "dY summed over the repetitions");
  return declare_tiles(schema).infer(infer_tile_gradient).no_gradient();
}
const RegisterOperator tile(tile_schema());
const RegisterOperator tile_gradient(tile_gradient_schema());

/// The axis that differs says where the tiles are; with one tile any axis does.
int tiled_axis(const Shape& whole, const Shape& part) {
  for (int axis = 0; axis < whole.rank(); ++axis) {
    if (whole[axis] != part[axis]) return axis;
  }
  return 0;
}

const RegisterCpuKernel tile_cpu("Tile", [](const PrepareContext& prepare) {
  const Shape &x = prepare.inputs[0].shape, &y = prepare.outputs[0].shape;
  const int axis = tiled_axis(y, x);
  const IndexMap map = IndexMap::along(x, y, axis);
  return dispatch(CopyTypes{}, copy_type(prepare.inputs[0].dtype), [&]<typename T>() {
    return make_kernel(
        [map, size = x[axis], width = prepare.width](OpContext& context) {
          copy_along(map, width, context.scratch, context.input<T>(0), context.output<T>(0),
                     [&](int64_t i) { return i % size; });
        },
        map.scratch_bytes());
  });
});

const RegisterCpuKernel tile_gradient_cpu("TileGradient", [](const PrepareContext& prepare) {
  const Shape &dy = prepare.inputs[0].shape, &dx = prepare.outputs[0].shape;
  const int axis = tiled_axis(dy, dx);
  const IndexMap map = IndexMap::along(dx, dy, axis);
  return dispatch(NumberTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel(
        [map, size = dx[axis], width = prepare.width](OpContext& context) {
          add_along(map, width, context.scratch, context.input<T>(0), context.output<T>(0),
                    [&](int64_t i) { return i % size; });
        },
        map.scratch_bytes());
  });
});

}  // namespace
}  // namespace headrace
