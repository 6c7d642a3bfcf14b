#pragma once

#include <cstdint>
#include <string>
#include <type_traits>

#include "core/tensor.h"

namespace headrace::testing {

/// Element i of the arrays in tests/core/golden, as the scripts there define it.
template <typename T>
T pattern(int64_t i) {
  if constexpr (std::is_same_v<T, std::string>) {
    return std::string(static_cast<size_t>(i), static_cast<char>('`' + i));
  } else if constexpr (std::is_same_v<T, bool>) {
    return i % 2 == 1;
  } else if constexpr (std::is_floating_point_v<T>) {
    return static_cast<T>(0.75 * static_cast<double>(i - 2));
  } else {
    return static_cast<T>(std::is_signed_v<T> ? 3 * i - 4 : 3 * i);
  }
}

template <typename T>
Tensor pattern_tensor(const Shape& shape) {
  Tensor tensor(shape, dtype_of<T>());
  for (int64_t i = 0; i < tensor.numel(); ++i) tensor.data<T>()[i] = pattern<T>(i);
  return tensor;
}

}  // namespace headrace::testing
