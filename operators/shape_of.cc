// What a tensor is like, whatever its elements: Shape, Size, IsEmpty.

#include "core/error.h"
#include "core/registry.h"
#include "operators/checks.h"

namespace headrace {
namespace {

/// The sizes that the operator tells, all or those of `axes`.
void write_sizes(const Shape& shape, std::span<const int64_t> axes, int64_t* sizes) {
  if (axes.empty()) {
    std::copy(shape.begin(), shape.end(), sizes);
    return;
  }
  for (size_t i = 0; i < axes.size(); ++i) sizes[i] = shape[static_cast<int>(axes[i])];
}

std::vector<TensorType> infer_shape(const InferContext& context) {
  const int rank = context.shape(0).rank();
  auto axes = context.args.integers("axes");
  for (int64_t axis : axes) {
    require(axis >= 0 && axis < rank, ErrorCode::kInvalidArgument, "{} has no axis {}",
            context.shape(0).to_string(), axis);
  }
  return {{DType::kInt64, Shape{axes.empty() ? rank : static_cast<int64_t>(axes.size())}}};
}

const RegisterOperator shape_operator(
    OpSchema("Shape")
        .doc("The sizes of X, or those of some axes.")
        .input("X", "only its shape is used")
        .output("shape", "int64")
        .optional_arg("axes", ArgKind::kInts, "which sizes, in this order; all without it")
        .infer(infer_shape)
        .fold([](const InferContext& context) {
          Tensor sizes(*infer_shape(context)[0].shape, DType::kInt64);
          write_sizes(context.shape(0), context.args.integers("axes"),
                      sizes.data<int64_t>().data());
          return std::vector<Tensor>{sizes};
        })
        .no_gradient());
const RegisterCpuKernel shape_cpu("Shape", [](const PrepareContext& prepare) {
  auto axes = prepare.args.integers("axes");
  return make_kernel([axes](OpContext& context) {
    write_sizes(context.input_desc(0).shape, axes, context.output<int64_t>(0));
  });
});

const RegisterOperator size_operator(OpSchema("Size")
                                         .doc("The number of elements of X.")
                                         .input("X", "only its shape is used")
                                         .output("size", "an int64 scalar")
                                         .infer([](const InferContext&) {
                                           return std::vector<TensorType>{{DType::kInt64, Shape{}}};
                                         })
                                         .fold([](const InferContext& context) {
                                           return std::vector<Tensor>{
                                               Tensor::scalar<int64_t>(context.shape(0).numel())};
                                         })
                                         .no_gradient());
const RegisterCpuKernel size_cpu("Size", [](const PrepareContext&) {
  return make_kernel([](OpContext& context) {
    context.output<int64_t>(0)[0] = context.input_desc(0).shape.numel();
  });
});

const RegisterOperator is_empty(OpSchema("IsEmpty")
                                    .doc("Whether X has no elements.")
                                    .input("X", "only its shape is used")
                                    .output("is_empty", "a bool scalar")
                                    .infer([](const InferContext&) {
                                      return std::vector<TensorType>{{DType::kBool, Shape{}}};
                                    })
                                    .fold([](const InferContext& context) {
                                      return std::vector<Tensor>{
                                          Tensor::scalar<bool>(context.shape(0).numel() == 0)};
                                    })
                                    .no_gradient());
const RegisterCpuKernel is_empty_cpu("IsEmpty", [](const PrepareContext&) {
  return make_kernel([](OpContext& context) {
    context.output<bool>(0)[0] = context.input_desc(0).shape.numel() == 0;
  });
});

}  // namespace
}  // namespace headrace
