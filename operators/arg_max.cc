// ArgMax and ArgMin.

#include "core/error.h"
#include "core/registry.h"
#include "operators/axis.h"
#include "operators/checks.h"
#include "operators/map.h"
#include "operators/parts.h"

namespace headrace {
namespace {

std::vector<TensorType> infer_arg(const InferContext& context) {
  require_type(context, 0, NumberTypes{});
  const Shape& shape = context.shape(0);
  const int axis = axis_of(context.args, shape);
  require(
      shape[axis] > 0 || shape.product(0, axis) == 0 || shape.product(axis + 1, shape.rank()) == 0,
      ErrorCode::kShapeMismatch, "axis {} of {} has no elements to choose from", axis,
      shape.to_string());
  std::vector<int64_t> dims(shape.begin(), shape.end());
  if (context.args.flag("keepdims")) {
    dims[axis] = 1;
  } else {
    dims.erase(dims.begin() + axis);
  }
  return {{DType::kInt64, Shape(dims)}};
}

OpSchema arg_schema(const char* type, const char* doc) {
  OpSchema schema(type);
  schema.doc(doc)
      .differs(
          "Any negative axis counts from the end, and an axis without elements is an error; Caffe2 "
          "knows -1 only, and gives 0.")
      .input("X")
      .output("indices", "int64")
      .arg("axis", -1, "the axis that is chosen from; negative from the end")
      .arg("keepdims", 1, "1: the axis stays with one element; 0: it goes")
      .infer(infer_arg)
      .cost(cost_per_element(1))
      .no_gradient();
  return schema;
}
const RegisterOperator arg_max(
    arg_schema("ArgMax", "Position of the greatest element along an axis, the first of equals."));
const RegisterOperator arg_min(
    arg_schema("ArgMin", "Position of the smallest element along an axis, the first of equals."));

template <bool kMax>
std::unique_ptr<Kernel> prepare_arg(const PrepareContext& prepare) {
  const Shape& shape = prepare.inputs[0].shape;
  const int axis = axis_of(prepare.args, shape);
  const int64_t size = shape[axis], inner = shape.product(axis + 1, shape.rank());
  return dispatch(NumberTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel([size, inner, count = prepare.outputs[0].shape.numel(),
                        width = prepare.width](OpContext& context) {
      const T* x = context.input<T>(0);
      int64_t* chosen = context.output<int64_t>(0);
      for_parts(width, count, [&](int64_t begin, int64_t end) {
        for (int64_t at = begin; at < end; ++at) {
          const T* from = x + at / inner * size * inner + at % inner;
          int64_t best = 0;
          for (int64_t i = 1; i < size; ++i) {
            const T value = from[i * inner], so_far = from[best * inner];
            if (kMax ? value > so_far : value < so_far) best = i;
          }
          chosen[at] = best;
        }
      });
    });
  });
}
const RegisterCpuKernel arg_max_cpu("ArgMax", prepare_arg<true>);
const RegisterCpuKernel arg_min_cpu("ArgMin", prepare_arg<false>);

}  // namespace
}  // namespace headrace
