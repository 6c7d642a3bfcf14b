#include "tests/operators/tensor_json.h"

#include <cmath>

#include <fmt/format.h>

#include "core/error.h"
#include "tests/operators/compare.h"

namespace headrace::testing {

using nlohmann::json;

namespace {

DType dtype_named(const std::string& name) {
  for (DType type : {DType::kFloat32, DType::kFloat64, DType::kInt8, DType::kUInt8, DType::kInt16,
                     DType::kUInt16, DType::kInt32, DType::kInt64, DType::kBool, DType::kString}) {
    if (name_of(type) == name) return type;
  }
  fail(ErrorCode::kCorrupt, "unknown element type '{}' in the file", name);
}

}  // namespace

json tensor_to_json(const Tensor& tensor) {
  json data = json::array();
  if (tensor.dtype() == DType::kString) {
    for (const std::string& text : tensor.data<std::string>()) data.push_back(text);
  } else {
    for (int64_t i = 0; i < tensor.numel(); ++i) {
      // JSON has no NaN and no infinity: those stand as text.
      double value = element(tensor, i);
      data.push_back(std::isfinite(value) ? json(value) : json(fmt::format("{}", value)));
    }
  }
  return {{"dtype", name_of(tensor.dtype())},
          {"shape", std::vector<int64_t>(tensor.shape().begin(), tensor.shape().end())},
          {"data", std::move(data)}};
}

Tensor tensor_from_json(const json& value) {
  Tensor tensor(Shape(value.at("shape").get<std::vector<int64_t>>()),
                dtype_named(value.at("dtype").get<std::string>()));
  const json& data = value.at("data");
  require(static_cast<int64_t>(data.size()) == tensor.numel(), ErrorCode::kCorrupt,
          "a tensor {} of the file has {} elements", tensor.desc().to_string(), data.size());
  for (int64_t i = 0; i < tensor.numel(); ++i) {
    if (tensor.dtype() == DType::kString) {
      tensor.data<std::string>()[i] = data[i].get<std::string>();
    } else {
      // JSON has no NaN and no infinity: those stand as text.
      set_element(
          tensor, i,
          data[i].is_string() ? std::stod(data[i].get<std::string>()) : data[i].get<double>());
    }
  }
  return tensor;
}

}  // namespace headrace::testing
