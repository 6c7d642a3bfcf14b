// Operators that add or drop axes of one element: ExpandDims, Squeeze; and FlattenToVec.

#include <algorithm>

#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/views.h"

namespace headrace {
namespace {

/// The argument `dims`, sorted, each once.
std::vector<int64_t> dims_of(const Args& args) {
  auto given = args.integers("dims");
  std::vector<int64_t> dims(given.begin(), given.end());
  std::ranges::sort(dims);
  dims.erase(std::unique(dims.begin(), dims.end()), dims.end());
  require(!dims.empty() && dims.front() >= 0, ErrorCode::kInvalidArgument,
          "'dims' must name at least one axis, from 0 on");
  return dims;
}

std::vector<TensorType> infer_expand(const InferContext& context) {
  const Shape& shape = context.shape(0);
  const std::vector<int64_t> added = dims_of(context.args);
  const int64_t rank = shape.rank() + static_cast<int64_t>(added.size());
  require(rank <= Shape::kMaxRank && added.back() < rank, ErrorCode::kInvalidArgument,
          "{} with {} more dimensions has no axis {}", shape.to_string(), added.size(),
          added.back());
  std::vector<int64_t> dims(shape.begin(), shape.end());
  for (int64_t axis : added) dims.insert(dims.begin() + axis, 1);
  return {{context.dtype(0), Shape(dims)}};
}

std::vector<TensorType> infer_squeeze(const InferContext& context) {
  const Shape& shape = context.shape(0);
  const std::vector<int64_t> dropped = dims_of(context.args);
  std::vector<int64_t> dims;
  for (int64_t axis : dropped) {
    require(axis < shape.rank() && shape[static_cast<int>(axis)] == 1, ErrorCode::kShapeMismatch,
            "{} has no axis {} of one element that could be dropped", shape.to_string(), axis);
  }
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (!std::ranges::binary_search(dropped, axis)) dims.push_back(shape[axis]);
  }
  return {{context.dtype(0), Shape(dims)}};
}

/// The two are each other's gradients.
OpSchema dims_schema(const char* type, const char* reverse, const char* doc, InferFn infer) {
  OpSchema schema(type);
  schema.doc(doc)
      .input("X")
      .output("Y")
      .required_arg("dims", ArgKind::kInts, "axes from 0 on")
      .view(0, 0)
      .inplace(0, 0)
      .infer(std::move(infer))
      .gradient([reverse = std::string(reverse)](GradientContext& g) {
        g.op(reverse, {g.dout(0)}, {g.din(0)});
      });
  return schema;
}

const RegisterOperator expand_dims(
    dims_schema("ExpandDims", "Squeeze",
                "The same elements with axes of one element added; `dims` are axes of the output.",
                infer_expand));
const RegisterOperator squeeze(dims_schema("Squeeze", "ExpandDims",
                                           "The same elements without the axes `dims` of the "
                                           "input, which have one element each.",
                                           infer_squeeze));
const RegisterCpuKernel expand_dims_cpu("ExpandDims", prepare_element_copy);
const RegisterCpuKernel squeeze_cpu("Squeeze", prepare_element_copy);

const RegisterOperator flatten_to_vec(
    OpSchema("FlattenToVec")
        .doc("The same elements as a vector.")
        .input("X", "not a scalar")
        .output("Y", "X with one axis")
        .view(0, 0)
        .infer([](const InferContext& context) {
          require(context.shape(0).rank() >= 1, ErrorCode::kShapeMismatch,
                  "{}; it must have at least one dimension", describe_input(context, 0));
          return std::vector<TensorType>{{context.dtype(0), Shape{context.shape(0).numel()}}};
        })
        .gradient([](GradientContext& g) {
          g.op("ResizeLike", {g.dout(0), g.in(0)}, {g.din(0)});
        }));
const RegisterCpuKernel flatten_to_vec_cpu("FlattenToVec", prepare_element_copy);

}  // namespace
}  // namespace headrace
