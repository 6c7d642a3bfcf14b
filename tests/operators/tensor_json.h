#pragma once

#include <nlohmann/json.hpp>

#include "core/tensor.h"

/// Tensors as the files of samples, golden values and cases hold them: {"dtype", "shape", "data"}.
namespace headrace::testing {

nlohmann::json tensor_to_json(const Tensor& tensor);
/// Throws kCorrupt when it is none.
Tensor tensor_from_json(const nlohmann::json& value);

}  // namespace headrace::testing
