#include "operators/check.h"

#include "core/error.h"

namespace headrace {

void check_floating(const InferContext& context, int i, const char* operand) {
  require(is_floating(context.dtype(i)), ErrorCode::kTypeMismatch,
          "{} must have a floating type, found {}", operand, name_of(context.dtype(i)));
}

void check_same_type(const InferContext& context, int i, const char* operand) {
  require(context.dtype(i) == context.dtype(0), ErrorCode::kTypeMismatch,
          "{} must be {} like the first input, found {}", operand, name_of(context.dtype(0)),
          name_of(context.dtype(i)));
}

void check_shape(const InferContext& context, int i, const char* operand, const Shape& expected,
                 const char* reason) {
  require(context.shape(i) == expected, ErrorCode::kShapeMismatch,
          "{} must have shape {} ({}), found {}", operand, expected.to_string(), reason,
          context.shape(i).to_string());
}

void check_float32(const PrepareContext& context, std::initializer_list<int> inputs) {
  for (int i : inputs) {
    require(context.inputs[i].dtype == DType::kFloat32, ErrorCode::kUnsupported,
            "the kernel of {} for {} computes in float32, input {} is {}", context.schema.type(),
            context.device.to_string(), i, name_of(context.inputs[i].dtype));
  }
}

}  // namespace headrace
