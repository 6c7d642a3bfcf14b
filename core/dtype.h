#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace headrace {

/// Element type of a tensor. kUndefined means "not known yet" in inference and "empty" in a Tensor.
enum class DType : uint8_t {
  kUndefined,
  kFloat32,
  kFloat64,
  kFloat16,
  kBFloat16,
  kInt8,
  kUInt8,
  kInt16,
  kUInt16,
  kInt32,
  kInt64,
  kBool,
  kString,
};

/// Bytes of one element; sizeof(std::string) for kString, 0 for kUndefined.
size_t size_of(DType type);

/// "float32", "int64", ... as NumPy spells them.
std::string_view name_of(DType type);

/// The inverse. Throws kInvalidArgument for any other name.
DType parse_dtype(std::string_view name);

bool is_floating(DType type);

/// The DType of a C++ type; float16 and bfloat16 have no C++ type here and are handled as raw bits.
template <typename T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, float>) return DType::kFloat32;
  if constexpr (std::is_same_v<T, double>) return DType::kFloat64;
  if constexpr (std::is_same_v<T, int8_t>) return DType::kInt8;
  if constexpr (std::is_same_v<T, uint8_t>) return DType::kUInt8;
  if constexpr (std::is_same_v<T, int16_t>) return DType::kInt16;
  if constexpr (std::is_same_v<T, uint16_t>) return DType::kUInt16;
  if constexpr (std::is_same_v<T, int32_t>) return DType::kInt32;
  if constexpr (std::is_same_v<T, int64_t>) return DType::kInt64;
  if constexpr (std::is_same_v<T, bool>) return DType::kBool;
  if constexpr (std::is_same_v<T, std::string>) return DType::kString;
  return DType::kUndefined;
}

}  // namespace headrace
