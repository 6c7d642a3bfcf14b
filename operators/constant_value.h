#pragma once

#include <cstdint>
#include <string>

#include "core/error.h"
#include "core/kernel.h"
#include "operators/dispatch.h"

namespace headrace {

/// The argument `value` of ConstantFill as an integer element.
template <typename T>
T constant_integer(const Args& args) {
  const int64_t value = args.has("value") ? args.integer("value") : 0;
  const T element = static_cast<T>(value);
  require(dtype_of<T>() == DType::kBool || static_cast<int64_t>(element) == value,
          ErrorCode::kInvalidArgument, "value {} does not fit into {}", value,
          name_of(dtype_of<T>()));
  return element;
}

/// Calls make(value) with the element that ConstantFill repeats, in the type of its output.
template <typename Make>
std::unique_ptr<Kernel> with_constant(const PrepareContext& prepare, Make&& make) {
  const Args& args = prepare.args;
  switch (prepare.outputs[0].dtype) {
    case DType::kFloat32:
      return make(args.has("value") ? args.real("value") : 0.0f);
    case DType::kFloat64:
      return make(args.has("value") ? double{args.real("value")} : 0.0);
    case DType::kString:
      return make(args.has("value") ? args.text("value") : std::string());
    default:
      return dispatch(Types<bool, int8_t, uint8_t, int16_t, uint16_t, int32_t, int64_t>{},
                      prepare.outputs[0].dtype, [&]<typename T>() -> std::unique_ptr<Kernel> {
                        return make(constant_integer<T>(args));
                      });
  }
}

}  // namespace headrace
