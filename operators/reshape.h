#pragma once

#include "core/tensor.h"
#include "operators/dispatch.h"

namespace headrace {

/// Element types of shapes that are operands of Reshape.
using ShapeTypes = Types<int64_t, int32_t>;

/// The old shape is int64, but int32 where the new one is an input of that type. `inputs` are
/// TensorTypes or TensorDescs.
template <typename Inputs>
DType old_shape_type(const Inputs& inputs) {
  return inputs.size() > 1 && inputs[1].dtype == DType::kInt32 ? DType::kInt32 : DType::kInt64;
}

}  // namespace headrace
