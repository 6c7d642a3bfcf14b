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

/// Calls f.operator()<T>() for the T of the list that `type` names; its result is a kernel. The
/// shape function has refused other types before, so that none gets here.
template <typename... Ts, typename F>
std::unique_ptr<Kernel> dispatch(Types<Ts...>, DType type, F&& f) {
  std::unique_ptr<Kernel> kernel;
  bool found = ((dtype_of<Ts>() == type && (kernel = f.template operator()<Ts>(), true)) || ...);
  require(found, ErrorCode::kInternal, "no kernel for elements of type {}", name_of(type));
  return kernel;
}

/// Whether the list names `type`.
template <typename... Ts>
bool has_type(Types<Ts...>, DType type) {
  return ((dtype_of<Ts>() == type) || ...);
}

}  // namespace headrace
