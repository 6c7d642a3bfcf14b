// Gather and its gradients, SparseToDense and BatchGatherGradient.

#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/index_input.h"
#include "operators/index_map.h"
#include "operators/strided_copy.h"

namespace headrace {
namespace {

/// How the indices lie on the data.
struct Gathering {
  int axis = 0;
  bool per_outer = false;  // match_outer: indices of their own for everything before the axis
  bool wraps = false;      // negative indices count from the end
};

Gathering gathering_of(const Args& args, const Shape& data, const Shape& indices,
                       int64_t default_axis) {
  const int64_t axis = args.has("axis") ? args.integer("axis") : default_axis;
  Gathering result{.axis = data.axis(axis), .per_outer = args.flag("match_outer")};
  // As in Caffe2, where the first axis wraps unless it was asked for as an axis to wrap or not.
  result.wraps = args.has("wrap_indices") ? args.flag("wrap_indices") : axis == 0;
  if (result.per_outer) {
    bool match = indices.rank() >= result.axis;
    for (int d = 0; match && d < result.axis; ++d) match = indices[d] == data[d];
    require(match, ErrorCode::kShapeMismatch,
            "with match_outer: 1 indices {} must begin with the {} sizes before axis {} of data {}",
            indices.to_string(), result.axis, result.axis, data.to_string());
  }
  return result;
}

Shape gathered_shape(const Gathering& gathering, const Shape& data, const Shape& indices) {
  std::vector<int64_t> dims(data.begin(), data.begin() + gathering.axis);
  dims.insert(dims.end(), indices.begin() + (gathering.per_outer ? gathering.axis : 0),
              indices.end());
  dims.insert(dims.end(), data.begin() + gathering.axis + 1, data.end());
  require(dims.size() <= Shape::kMaxRank, ErrorCode::kShapeMismatch,
          "gathering {} by indices {} gives {} dimensions, more than {}", data.to_string(),
          indices.to_string(), dims.size(), Shape::kMaxRank);
  return Shape(dims);
}

OpSchema& declare_gathering(OpSchema& schema) {
  return schema.optional_arg("axis", ArgKind::kInt, "axis of the data that the indices are of")
      .arg("match_outer", 0,
           "1: the indices have the sizes of the data before the axis, and are of their own for "
           "each of those")
      .optional_arg("wrap_indices", ArgKind::kInt,
                    "1: negative indices count from the end; by default on axis 0 only");
}

std::vector<TensorType> infer_gather(const InferContext& context) {
  require_type(context, 1, IndexTypes{});
  Gathering gathering = gathering_of(context.args, context.shape(0), context.shape(1), 0);
  return {{context.dtype(0), gathered_shape(gathering, context.shape(0), context.shape(1))}};
}

std::vector<TensorType> infer_batch_gather_gradient(const InferContext& context) {
  require_type(context, 0, NumberTypes{});
  require_type(context, 1, IndexTypes{});
  require_same_type(context, 2, 0);
  Gathering gathering = gathering_of(context.args, context.shape(0), context.shape(1), 1);
  require_shape(context, 2, gathered_shape(gathering, context.shape(0), context.shape(1)),
                "that of the gathered data");
  return {context.inputs[0]};
}

void gather_gradient(GradientContext& g) {
  const int64_t axis = g.args().has("axis") ? g.args().integer("axis") : 0;
  if (axis == 0 && !g.args().flag("match_outer")) {
    g.op("SparseToDense", {g.in(1), g.dout(0), g.in(0)}, {g.din(0)});
  } else {
    g.op("BatchGatherGradient", {g.in(0), g.in(1), g.dout(0)}, {g.din(0)});
  }
}

OpSchema gather_schema() {
  OpSchema schema("Gather");
  schema
      .doc(
          "The parts of the data that the indices name, along an axis. An index outside is an "
          "error. The gradient is dense.")
      .differs(
          "The gradient is always dense, and knows negative indices and those of several axes; "
          "Caffe2's is sparse unless dense_gradient is 1, and then takes one axis of indices.")
      .input("data")
      .input("indices", "int32 or int64")
      .output("Y", "the shape of the data with that of the indices instead of the axis");
  return declare_gathering(schema)
      .arg("dense_gradient", 0, "accepted: gradients are always dense here")
      .infer(infer_gather)
      .gradient(gather_gradient);
}
OpSchema batch_gather_gradient_schema() {
  OpSchema schema("BatchGatherGradient");
  schema.doc("For each part of the data, the sum of the gradients of where it was gathered to.")
      .input("data", "only its shape is used")
      .input("indices")
      .input("dY")
      .output("dX", "as DATA of the forward operator");
  return declare_gathering(schema)
      .arg("dense_gradient", 0, "accepted, without effect")
      .infer(infer_batch_gather_gradient)
      .no_gradient();
}
const RegisterOperator gather(gather_schema());
const RegisterOperator batch_gather_gradient(batch_gather_gradient_schema());

/// Data and indices as one walk: with indices of their own per outer part, all of those are rows.
struct GatherWalk {
  GatherWalk(const Gathering& gathering, const Shape& data, const Shape& indices)
      : gathering(gathering), size(data[gathering.axis]) {
    const int64_t outer = data.product(0, gathering.axis);
    const int64_t inner = data.product(gathering.axis + 1, data.rank());
    if (gathering.per_outer) {
      per_outer = indices.product(gathering.axis, indices.rank());
      map = IndexMap::along(1, outer * size, outer * per_outer, inner);
    } else {
      map = IndexMap::along(outer, size, indices.numel(), inner);
    }
  }

  /// The row of the data for index k, which is `index`.
  int64_t row(int64_t k, int64_t index) const {
    const int64_t wrapped = index < 0 && gathering.wraps ? index + size : index;
    require(wrapped >= 0 && wrapped < size, ErrorCode::kNumeric,
            "index {} at position {} is outside of axis {}, which has {} elements", index, k,
            gathering.axis, size);
    return per_outer > 0 ? k / per_outer * size + wrapped : wrapped;
  }

  Gathering gathering;
  int64_t size;
  int64_t per_outer = 0;
  IndexMap map;
};

const RegisterCpuKernel gather_cpu("Gather", [](const PrepareContext& prepare) {
  const Shape &data = prepare.inputs[0].shape, &indices = prepare.inputs[1].shape;
  GatherWalk walk(gathering_of(prepare.args, data, indices, 0), data, indices);
  return dispatch(CopyTypes{}, copy_type(prepare.inputs[0].dtype), [&]<typename T>() {
    return make_kernel(
        [walk, width = prepare.width](OpContext& context) {
          copy_along(walk.map, width, context.scratch, context.input<T>(0), context.output<T>(0),
                     [&](int64_t k) { return walk.row(k, integer_at(context, 1, k)); });
        },
        walk.map.scratch_bytes());
  });
});

const RegisterCpuKernel batch_gather_gradient_cpu(
    "BatchGatherGradient", [](const PrepareContext& prepare) {
      const Shape &data = prepare.inputs[0].shape, &indices = prepare.inputs[1].shape;
      GatherWalk walk(gathering_of(prepare.args, data, indices, 1), data, indices);
      return dispatch(NumberTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
        return make_kernel(
            [walk, width = prepare.width](OpContext& context) {
              add_along(walk.map, width, context.scratch, context.input<T>(2), context.output<T>(0),
                        [&](int64_t k) { return walk.row(k, integer_at(context, 1, k)); });
            },
            walk.map.scratch_bytes());
      });
    });

/// The first size of the dense tensor; nothing while it depends on unknown indices.
std::optional<int64_t> dense_size(const InferContext& context) {
  if (context.inputs.size() > 2) {
    require(context.shape(2).rank() >= 1, ErrorCode::kShapeMismatch,
            "{}; it must have a first dimension to take", describe_input(context, 2));
    return context.shape(2)[0];
  }
  auto indices = known_integers(context, 0);
  if (!indices) return std::nullopt;
  return indices->empty() ? 0 : std::max<int64_t>(0, *std::ranges::max_element(*indices) + 1);
}

std::vector<TensorType> infer_sparse_to_dense(const InferContext& context) {
  require_type(context, 0, IndexTypes{});
  // Indices of a gradient may have any shape, but then the values begin with it.
  require_type(context, 1, NumberTypes{});
  const Shape &indices = context.shape(0), &values = context.shape(1);
  bool match = values.rank() >= indices.rank();
  for (int d = 0; match && d < indices.rank(); ++d) match = indices[d] == values[d];
  require(match, ErrorCode::kShapeMismatch,
          "{} and {}; the values must have one part for each index", describe_input(context, 0),
          describe_input(context, 1));
  auto size = dense_size(context);
  if (!size) return {{context.dtype(1), std::nullopt}};
  std::vector<int64_t> dims = {*size};
  dims.insert(dims.end(), values.begin() + indices.rank(), values.end());
  return {{context.dtype(1), Shape(dims)}};
}

const RegisterOperator sparse_to_dense(
    OpSchema("SparseToDense")
        .doc("Y[index] = the sum of the values with that index, 0 where there is none. Negative "
             "indices count from the end where the third input gives it.")
        .differs(
            "With the third input negative indices count from the end; in Caffe2 they are errors.")
        .input("indices", "int32 or int64")
        .input("values", "one part for each index")
        .optional_input("data", "only its first size is used; without it the largest index + 1")
        .output("Y", "rows of values where the indices say, zero elsewhere")
        .ignored_args({"dense_gradient", "axis", "match_outer", "wrap_indices"})
        .infer(infer_sparse_to_dense)
        .gradient([](GradientContext& g) {
          g.op("Gather", {g.dout(0), g.in(0)}, {g.din(1)});
        }));

const RegisterCpuKernel sparse_to_dense_cpu("SparseToDense", [](const PrepareContext& prepare) {
  const Shape &indices = prepare.inputs[0].shape, &dense = prepare.outputs[0].shape;
  const int64_t count = indices.numel();
  GatherWalk walk({.axis = 0, .wraps = prepare.inputs.size() > 2}, dense, indices);
  return dispatch(NumberTypes{}, prepare.inputs[1].dtype, [&]<typename T>() {
    return make_kernel(
        [walk, count, width = prepare.width](OpContext& context) {
          add_along(walk.map, width, context.scratch, context.input<T>(1), context.output<T>(0),
                    [&](int64_t k) { return walk.row(k, integer_at(context, 0, k)); });
        },
        walk.map.scratch_bytes());
  });
});

}  // namespace
}  // namespace headrace
