#pragma once

#include <memory>
#include <type_traits>

#include "core/dtype.h"
#include "core/error.h"
#include "core/kernel.h"

namespace headrace {

/// A list of element types to choose from at run time.
template <typename... Ts>
struct Types {};

using FloatTypes = Types<float, double>;
using NumberTypes = Types<float, double, int32_t, int64_t>;

/// Calls f.operator()<T>() for the T of the list that `type` names and returns its result, usually
/// a kernel. The shape function has refused other types before, so that none gets here.
template <typename First, typename... Rest, typename F>
auto dispatch(Types<First, Rest...>, DType type, F&& f)
    -> decltype(f.template operator()<First>()) {
  if (dtype_of<First>() == type) return f.template operator()<First>();
  if constexpr (sizeof...(Rest) > 0) {
    return dispatch(Types<Rest...>{}, type, f);
  } else {
    fail(ErrorCode::kInternal, "no kernel for elements of type {}", name_of(type));
  }
}

/// Whether the list names `type`.
template <typename... Ts>
bool has_type(Types<Ts...>, DType type) {
  return ((dtype_of<Ts>() == type) || ...);
}

}  // namespace headrace
