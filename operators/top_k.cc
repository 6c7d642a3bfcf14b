#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/axis.h"
#include "operators/index_input.h"
#include "operators/parts.h"

namespace headrace {
namespace {

/// Of input 1 where there is one; nothing while it is not known.
std::optional<int64_t> known_k(const InferContext& context) {
  int64_t k = 0;
  if (context.inputs.size() > 1) {
    require_type(context, 1, Types<int64_t>{});
    require_single(context, 1);
    auto known = known_integers(context, 1);
    if (!known) return std::nullopt;
    k = known->front();
  } else {
    require(context.args.has("k"), ErrorCode::kInvalidArgument,
            "TopK needs k, as an argument or as input 1");
    k = context.args.integer("k");
  }
  require(k >= 1, ErrorCode::kInvalidArgument, "TopK needs k >= 1, found {}", k);
  return k;
}

std::vector<TensorType> infer_top_k(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  const Shape& shape = context.shape(0);
  const int axis = axis_of(context.args, shape);
  auto k = known_k(context);
  std::vector<TensorType> types = {{context.dtype(0), std::nullopt},
                                   {DType::kInt64, std::nullopt},
                                   {DType::kInt64, std::nullopt}};
  types.resize(context.outputs);
  if (!k) return types;
  std::vector<int64_t> dims(shape.begin(), shape.end());
  dims[axis] = *k;
  types[0].shape = types[1].shape = Shape(dims);
  if (context.outputs > 2) types[2].shape = Shape{types[0].shape->numel()};
  return types;
}

std::vector<TensorType> infer_top_k_gradient(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  require_type(context, 1, Types<int64_t>{});
  require_same_shape(context, 1, 0);
  require_same_type(context, 2, 0);
  const Shape &part = context.shape(0), &x = context.shape(2);
  const int axis = axis_of(context.args, x);
  bool fits = part.rank() == x.rank();
  for (int d = 0; fits && d < x.rank(); ++d) fits = d == axis || part[d] == x[d];
  require(fits, ErrorCode::kShapeMismatch, "{} and {}; they may differ in axis {} only",
          describe_input(context, 0), describe_input(context, 2), axis);
  return {context.inputs[2]};
}

const RegisterOperator top_k(
    OpSchema("TopK")
        .doc("The k greatest elements along an axis, the greatest first and equal ones in their "
             "order; a NaN is below all others. Where there are fewer than k, values are filled up "
             "with 0 and indices with -1.")
        .differs("A NaN has a place, below all others; in Caffe2 it has any.")
        .input("X")
        .optional_input("k", "int64, one element, instead of the argument")
        .output("values", "X with its last axis cut to the k largest")
        .output("indices", "int64, along the axis")
        .optional_output("flat_indices", "int64, a vector: positions in all of X")
        .optional_arg("k", ArgKind::kInt)
        .arg("axis", -1, "negative from the end")
        .infer(infer_top_k)
        .gradient([](GradientContext& g) {
          g.op("TopKGradient", {g.dout(0), g.out(1), g.in(0)}, {g.din(0)});
        }));
const RegisterOperator top_k_gradient(
    OpSchema("TopKGradient")
        .doc("The gradients of the chosen elements at their places, 0 elsewhere.")
        .input("dvalues")
        .input("indices")
        .input("X", "only its shape is used")
        .output("dX")
        .optional_arg("k", ArgKind::kInt, "as in TopK, without effect")
        .arg("axis", -1, "negative from the end")
        .infer(infer_top_k_gradient)
        .no_gradient());

const RegisterCpuKernel top_k_cpu("TopK", [](const PrepareContext& prepare) {
  const Shape& shape = prepare.inputs[0].shape;
  const int axis = axis_of(prepare.args, shape);
  const int64_t size = shape[axis], inner = shape.product(axis + 1, shape.rank());
  const int64_t lines = shape.product(0, axis) * inner;
  // Of input 1 where there is one.
  const int64_t given = prepare.inputs.size() > 1 ? 0 : prepare.args.integer("k");
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel(
        [=, width = prepare.width](OpContext& context) {
          const int64_t k = context.inputs() > 1 ? context.input<int64_t>(1)[0] : given;
          const T* x = context.input<T>(0);
          T* values = context.output<T>(0);
          int64_t* indices = context.output<int64_t>(1);
          int64_t* flat = context.outputs() > 2 ? context.output<int64_t>(2) : nullptr;
          auto* order = static_cast<int64_t*>(context.scratch);
          for_parts(
              width, lines,
              [&](int64_t begin, int64_t end) {
                for (int64_t line = begin; line < end; ++line) {
                  const int64_t outer = line / inner, i = line % inner;
                  const int64_t start = outer * size * inner + i;
                  int64_t* found = order + line * size;
                  std::iota(found, found + size, int64_t{0});
                  auto before = [&](int64_t a, int64_t b) {
                    const T va = x[start + a * inner], vb = x[start + b * inner];
                    const bool nan_a = std::isnan(va), nan_b = std::isnan(vb);
                    if (nan_a != nan_b) return nan_b;
                    if (!nan_a && va != vb) return va > vb;
                    return a < b;
                  };
                  std::partial_sort(found, found + std::min(k, size), found + size, before);
                  for (int64_t rank = 0; rank < k; ++rank) {
                    const int64_t to = (outer * k + rank) * inner + i;
                    const int64_t from = rank < size ? found[rank] : -1;
                    if (values != nullptr) values[to] = from < 0 ? T{0} : x[start + from * inner];
                    if (indices != nullptr) indices[to] = from;
                    if (flat != nullptr) flat[to] = from < 0 ? -1 : start + from * inner;
                  }
                }
              },
              /*grain=*/1);
        },
        static_cast<size_t>(lines * size) * sizeof(int64_t));
  });
});

const RegisterCpuKernel top_k_gradient_cpu("TopKGradient", [](const PrepareContext& prepare) {
  const Shape& shape = prepare.outputs[0].shape;
  const int axis = axis_of(prepare.args, shape);
  const int64_t size = shape[axis], inner = shape.product(axis + 1, shape.rank());
  const int64_t outer = shape.product(0, axis), k = prepare.inputs[0].shape[axis];
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel([=, width = prepare.width](OpContext& context) {
      const T* dvalues = context.input<T>(0);
      const int64_t* indices = context.input<int64_t>(1);
      T* dx = context.output<T>(0);
      for_parts(
          width, outer,
          [&](int64_t begin, int64_t end) {
            std::fill(dx + begin * size * inner, dx + end * size * inner, T{0});
            for (int64_t at = begin * k * inner; at < end * k * inner; ++at) {
              const int64_t index = indices[at];
              if (index < 0) continue;
              require(index < size, ErrorCode::kNumeric,
                      "index {} is outside of the axis, which has {} elements", index, size);
              dx[(at / (k * inner) * size + index) * inner + at % inner] = dvalues[at];
            }
          },
          /*grain=*/1);
    });
  });
});

}  // namespace
}  // namespace headrace
