#include "comm/operators/operands.h"

#include <limits>

#include "comm/reduce.h"
#include "comm/timeout.h"
#include "core/error.h"

namespace headrace::comm {
namespace {

/// Tensors of one operator that it can work on in place, as many as a server has devices.
constexpr int kDevices = 8;

}  // namespace

OpSchema collective_schema(const char* type) {
  OpSchema schema(type);
  schema.input("world").handle_input(0).collective().on_host().no_gradient();
  return schema;
}

void require_alike(const InferContext& context, int end) {
  for (int i = 1; i < end; ++i) {
    require(can_reduce(context.dtype(i)), ErrorCode::kTypeMismatch,
            "input {} is {}; expected float32, float64, float16, bfloat16, int32 or int64", i,
            context.inputs[i].to_string());
    require(context.dtype(i) == context.dtype(1) && context.shape(i) == context.shape(1),
            ErrorCode::kShapeMismatch, "input {} is {}, and input 1 is {}: they have to be alike",
            i, context.inputs[i].to_string(), context.inputs[1].to_string());
  }
}

std::vector<TensorType> types_behind_world(const InferContext& context) {
  require(context.outputs + 1 == static_cast<int>(context.inputs.size()),
          ErrorCode::kInvalidArgument, "expected an output for each of {} tensors, found {}",
          context.inputs.size() - 1, context.outputs);
  return {context.inputs.begin() + 1, context.inputs.end()};
}

std::vector<TensorType> types_of_alike(const InferContext& context) {
  require_alike(context, static_cast<int>(context.inputs.size()));
  return types_behind_world(context);
}

OpSchema& in_place_behind_world(OpSchema& schema, bool enforced) {
  for (int i = 0; i < kDevices; ++i) {
    enforced ? schema.enforce_inplace(i + 1, i) : schema.inplace(i + 1, i);
  }
  return schema;
}

int root_of(const Args& args) {
  const int64_t root = args.integer("root");
  require(root >= 0 && root <= std::numeric_limits<int>::max(), ErrorCode::kInvalidArgument,
          "the root is a rank from 0, found {}", root);
  return static_cast<int>(root);
}

double timeout_of(const Args& args) {
  const double seconds = static_cast<double>(args.integer("timeout_ms")) / 1000;
  require_timeout(seconds, "timeout_ms");
  return seconds;
}

headrace::Cost cost_of_collective(const CostContext& context) {
  headrace::Cost cost{.bytes = context.operand_bytes()};
  for (const TensorDesc& desc : context.outputs) {
    if (desc.dtype != DType::kUndefined) cost.flops += static_cast<double>(desc.shape.numel());
  }
  return cost;
}

}  // namespace headrace::comm
