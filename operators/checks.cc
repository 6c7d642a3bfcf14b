#include "operators/checks.h"

#include "core/error.h"

namespace headrace {

std::string describe_input(const InferContext& context, int i) {
  return fmt::format("input {} is {}", i, context.inputs[i].to_string());
}

void require_dtype(const InferContext& context, int i, bool ok, const char* expected) {
  require(ok, ErrorCode::kTypeMismatch, "{}; its elements must be {}", describe_input(context, i),
          expected);
}

void require_same_type(const InferContext& context, int i, int j) {
  require(context.dtype(i) == context.dtype(j), ErrorCode::kTypeMismatch,
          "{} and {}; their element types must be the same", describe_input(context, i),
          describe_input(context, j));
}

void require_same_shape(const InferContext& context, int i, int j) {
  require(context.shape(i) == context.shape(j), ErrorCode::kShapeMismatch,
          "{} and {}; their shapes must be the same", describe_input(context, i),
          describe_input(context, j));
}

void require_shape(const InferContext& context, int i, const Shape& shape, const char* reason) {
  require(context.shape(i) == shape, ErrorCode::kShapeMismatch, "{}; its shape must be {}, {}",
          describe_input(context, i), shape.to_string(), reason);
}

void require_rank(const InferContext& context, int i, int rank) {
  require(context.shape(i).rank() == rank, ErrorCode::kShapeMismatch, "{}; it must have {} {}",
          describe_input(context, i), rank, rank == 1 ? "dimension" : "dimensions");
}

void require_single(const InferContext& context, int i) { require_count(context, i, 1); }

void require_count(const InferContext& context, int i, int64_t count) {
  require(context.shape(i).numel() == count, ErrorCode::kShapeMismatch, "{}; it must have {} {}",
          describe_input(context, i), count, count == 1 ? "element" : "elements");
}

void require_float32(const PrepareContext& context, std::initializer_list<int> inputs) {
  for (int i : inputs) {
    require(context.inputs[i].dtype == DType::kFloat32, ErrorCode::kUnsupported,
            "input {} is {}; {} computes in float32 only on {}", i, context.inputs[i].to_string(),
            context.schema.type(), context.device.to_string());
  }
}

}  // namespace headrace
