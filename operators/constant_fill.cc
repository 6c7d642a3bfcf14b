#include <cstring>

#include "core/error.h"
#include "core/proto/tensor_proto.h"
#include "core/registry.h"
#include "operators/constant_value.h"
#include "operators/fill_shape.h"
#include "operators/parts.h"

namespace headrace {
namespace {

/// Without `dtype` the field of `value` decides: an integer makes int64, a string a string tensor.
DType constant_type(const Args& args) {
  ArgKind given = args.kind_of("value");
  if (!args.has("dtype")) {
    if (given == ArgKind::kInt) return DType::kInt64;
    if (given == ArgKind::kString) return DType::kString;
    return DType::kFloat32;
  }
  DType type = dtype_of_proto(args.integer("dtype"));
  require(type != DType::kUndefined && type != DType::kFloat16, ErrorCode::kInvalidArgument,
          "dtype {} is none of those that can be filled (1 float32, 2 int32, 4 string, 5 bool, "
          "6 uint8, 7 int8, 8 uint16, 9 int16, 10 int64, 13 float64)",
          args.integer("dtype"));
  ArgKind wanted = is_floating(type)        ? ArgKind::kFloat
                   : type == DType::kString ? ArgKind::kString
                                            : ArgKind::kInt;
  require(!args.has("value") || given == wanted, ErrorCode::kInvalidArgument,
          "a {} tensor needs its 'value' in field '{}', found '{}'", name_of(type), name_of(wanted),
          name_of(given));
  return type;
}

const RegisterOperator constant_fill(
    declare_fill_shape(
        OpSchema("ConstantFill")
            .doc("A tensor whose elements all are `value`. The element type is "
                 "`dtype` or follows from `value`: a float makes float32, an integer "
                 "int64, a string a string tensor."))
        .optional_arg("value", ArgKind::kScalar, "the element; 0 by default")
        .optional_arg("dtype", ArgKind::kInt, "element type as in TensorProto.DataType")
        .infer([](const InferContext& context) {
          return std::vector<TensorType>{{constant_type(context.args), fill_shape(context)}};
        })
        .no_gradient());

template <typename T>
std::unique_ptr<Kernel> fill_with(const PrepareContext& prepare, T value) {
  return make_kernel(
      [value, count = prepare.outputs[0].shape.numel(), width = prepare.width](OpContext& context) {
        for_parts(width, count, [&](int64_t begin, int64_t end) {
          std::fill(context.output<T>(0) + begin, context.output<T>(0) + end, value);
        });
      });
}

const RegisterCpuKernel constant_fill_cpu("ConstantFill", [](const PrepareContext& prepare) {
  return with_constant(prepare,
                       [&]<typename T>(const T& value) { return fill_with(prepare, value); });
});

}  // namespace
}  // namespace headrace
