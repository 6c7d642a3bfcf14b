// Operators that give the same elements another shape: Reshape, Flatten, ResizeLike.

#include "operators/reshape.h"

#include <algorithm>
#include <optional>

#include <fmt/ranges.h>

#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/views.h"

namespace headrace {
namespace {

/// The shape that was asked for, as given; nothing while the input that holds it is not known.
std::optional<std::vector<int64_t>> wanted_dims(const InferContext& context) {
  if (context.inputs.size() == 1) {
    require(context.args.has("shape"), ErrorCode::kInvalidArgument,
            "Reshape needs the new shape, as argument 'shape' or as input 1");
    auto dims = context.args.integers("shape");
    return std::vector<int64_t>(dims.begin(), dims.end());
  }
  require(!context.args.has("shape"), ErrorCode::kInvalidArgument,
          "the new shape is input 1; leave out the argument 'shape'");
  require_type(context, 1, ShapeTypes{});
  require_rank(context, 1, 1);
  if (context.value(1) == nullptr) return std::nullopt;
  return dispatch(ShapeTypes{}, context.dtype(1), [&]<typename T>() {
    auto values = context.value(1)->data<T>();
    return std::vector<int64_t>(values.begin(), values.end());
  });
}

/// Resolves 0, the size of the same axis of the input, and -1, what is left.
Shape resolve(std::vector<int64_t> dims, const Shape& from) {
  const std::vector<int64_t> given = dims;
  int64_t known = 1;
  int64_t* open = nullptr;
  for (size_t d = 0; d < dims.size(); ++d) {
    require(dims[d] >= -1, ErrorCode::kInvalidArgument, "a new shape cannot have size {}: {}",
            dims[d], fmt::join(given, "x"));
    if (dims[d] == 0 && static_cast<int>(d) < from.rank()) dims[d] = from[static_cast<int>(d)];
    if (dims[d] != -1) {
      require(!__builtin_mul_overflow(known, dims[d], &known), ErrorCode::kShapeMismatch,
              "the new shape {} has too many elements", fmt::join(given, "x"));
      continue;
    }
    require(open == nullptr, ErrorCode::kInvalidArgument,
            "only one size of a new shape can be left open with -1: {}", fmt::join(given, "x"));
    open = &dims[d];
  }
  if (open != nullptr) {
    *open = known == 0 ? 0 : from.numel() / known;
    known *= *open;
  }
  require(known == from.numel(), ErrorCode::kShapeMismatch, "{} with {} elements cannot become {}",
          from.to_string(), from.numel(), fmt::join(given, "x"));
  return Shape(dims);
}

std::vector<TensorType> infer_reshape(const InferContext& context) {
  TensorType old_shape{old_shape_type(context.inputs), Shape{context.shape(0).rank()}};
  auto dims = wanted_dims(context);
  std::optional<Shape> shape;
  if (dims) shape = resolve(std::move(*dims), context.shape(0));
  return {{context.dtype(0), shape}, old_shape};
}

const RegisterOperator reshape(
    OpSchema("Reshape")
        .doc(
            "The same elements in another shape. 0 keeps the size of the same axis, one -1 is what "
            "is left over. The second output is the old shape, which takes back.")
        .differs(
            "Of an input without elements, too, 0 keeps the size of its axis; Caffe2 makes it 0.")
        .input("X")
        .optional_input("shape", "int64 or int32; instead of the argument")
        .output("Y")
        .output("old_shape", "int64, or int32 if the shape input is")
        .optional_arg("shape", ArgKind::kInts)
        .view(0, 0)
        .inplace(0, 0)
        .infer(infer_reshape)
        .fold([](const InferContext& context) {
          return dispatch(ShapeTypes{}, old_shape_type(context.inputs), [&]<typename T>() {
            std::vector<T> dims(context.shape(0).begin(), context.shape(0).end());
            auto rank = static_cast<int64_t>(dims.size());
            return std::vector<Tensor>{Tensor(), Tensor::from<T>({rank}, std::span<const T>(dims))};
          });
        })
        .gradient([](GradientContext& g) {
          std::string dx = g.din(0);
          remove_arg(g.op("Reshape", {g.dout(0), g.out(1)}, {dx, "_" + dx + "_dims"}), "shape");
        }));

const RegisterCpuKernel reshape_cpu("Reshape", [](const PrepareContext& prepare) {
  const Shape& old = prepare.inputs[0].shape;
  return dispatch(ShapeTypes{}, old_shape_type(prepare.inputs), [&]<typename T>() {
    return make_kernel([old, copy = ElementCopy(prepare)](OpContext& context) {
      copy(context);
      if (T* dims = context.output<T>(1)) std::copy(old.begin(), old.end(), dims);
    });
  });
});

const RegisterOperator flatten(
    OpSchema("Flatten")
        .doc("A matrix: the axes before `axis` are its rows, the others its columns.")
        .input("X")
        .output("Y", "X as a matrix: a row per index of the axes before `axis`")
        .arg("axis", 1, "between 0 and the rank")
        .view(0, 0)
        .infer([](const InferContext& context) {
          const Shape& shape = context.shape(0);
          int64_t axis = context.args.integer("axis");
          require(axis >= 0 && axis <= shape.rank(), ErrorCode::kShapeMismatch,
                  "axis {} is not between 0 and the rank of {}", axis, shape.to_string());
          int at = static_cast<int>(axis);
          return std::vector<TensorType>{
              {context.dtype(0), Shape{shape.product(0, at), shape.product(at, shape.rank())}}};
        })
        .gradient([](GradientContext& g) {
          remove_arg(g.op("ResizeLike", {g.dout(0), g.in(0)}, {g.din(0)}), "axis");
        }));
const RegisterCpuKernel flatten_cpu("Flatten", prepare_element_copy);

const RegisterOperator resize_like(
    OpSchema("ResizeLike")
        .doc("The elements of X in the shape of `like`.")
        .input("X")
        .input("like", "only its shape is used")
        .output("Y", "X in the shape of the other input")
        .view(0, 0)
        .infer([](const InferContext& context) {
          require_count(context, 0, context.shape(1).numel());
          return std::vector<TensorType>{{context.dtype(0), context.shape(1)}};
        })
        .no_gradient());
const RegisterCpuKernel resize_like_cpu("ResizeLike", prepare_element_copy);

}  // namespace
}  // namespace headrace
