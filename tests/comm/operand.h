#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "comm/collective.h"
#include "core/dtype.h"

namespace headrace::comm {

/// Vectors of any element type, as the numbers that they stand for. The conversions are a second
/// implementation, by arithmetic on the value instead of on its bits.
class Operand {
 public:
  Operand(DType dtype, size_t count) : dtype_(dtype), bytes_(count * size_of(dtype)) {}

  void* data() { return bytes_.data(); }
  size_t count() const { return bytes_.size() / size_of(dtype_); }
  const std::vector<std::byte>& bytes() const { return bytes_; }

  double get(size_t i) const {
    switch (dtype_) {
      case DType::kFloat32:
        return as<float>(i);
      case DType::kFloat64:
        return as<double>(i);
      case DType::kInt32:
        return as<int32_t>(i);
      case DType::kInt64:
        return static_cast<double>(as<int64_t>(i));
      case DType::kFloat16:
        return half(as<uint16_t>(i), 10, 15);
      default:
        return half(as<uint16_t>(i), 7, 127);
    }
  }

  /// `value` is an integer of at most 8 bits, which every type has.
  void set(size_t i, int value) {
    switch (dtype_) {
      case DType::kFloat32:
        return put(i, static_cast<float>(value));
      case DType::kFloat64:
        return put(i, static_cast<double>(value));
      case DType::kInt32:
        return put(i, static_cast<int32_t>(value));
      case DType::kInt64:
        return put(i, static_cast<int64_t>(value));
      case DType::kFloat16:
        return put(i, small(value, 10, 15));
      default:
        return put(i, small(value, 7, 127));
    }
  }

 private:
  template <typename T>
  T as(size_t i) const {
    T value;
    std::memcpy(&value, bytes_.data() + i * sizeof(T), sizeof(T));
    return value;
  }
  template <typename T>
  void put(size_t i, T value) {
    std::memcpy(bytes_.data() + i * sizeof(T), &value, sizeof(T));
  }

  static double half(uint16_t bits, int mantissa, int bias) {
    const double sign = (bits & 0x8000) != 0 ? -1 : 1;
    const int exponent = (bits & 0x7fff) >> mantissa;
    const double fraction = bits & ((1 << mantissa) - 1);
    const double one = 1 << mantissa;
    if (exponent == 0) return sign * fraction / one * std::exp2(1 - bias);
    return sign * (1 + fraction / one) * std::exp2(exponent - bias);
  }

  static uint16_t small(int value, int mantissa, int bias) {
    if (value == 0) return 0;
    const auto magnitude = static_cast<unsigned>(std::abs(value));
    const int exponent = std::bit_width(magnitude) - 1;
    const unsigned fraction = (magnitude << mantissa >> exponent) & ((1u << mantissa) - 1);
    return static_cast<uint16_t>((value < 0 ? 0x8000u : 0u) |
                                 static_cast<unsigned>(exponent + bias) << mantissa | fraction);
  }

  DType dtype_;
  std::vector<std::byte> bytes_;
};

/// What rank `rank` has at `i`: small enough that the sum of nine ranks is exact in every type.
inline int number_of(int rank, size_t i) {
  return static_cast<int>((i * 7 + static_cast<size_t>(rank) * 5 + i / 11) % 23) - 11;
}

inline int reduced(Reduction reduction, int size, size_t i) {
  int result = number_of(0, i);
  for (int r = 1; r < size; ++r) {
    const int value = number_of(r, i);
    result = reduction == Reduction::kSum   ? result + value
             : reduction == Reduction::kMax ? std::max(result, value)
                                            : std::min(result, value);
  }
  return result;
}

}  // namespace headrace::comm
