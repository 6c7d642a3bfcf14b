#include "comm/reduce.h"

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "comm/half.h"
#include "core/error.h"

namespace headrace::comm {
namespace {

struct Sum {
  template <typename T>
  static T apply(T left, T right) {
    if constexpr (std::is_integral_v<T>) {  // wraps around
      return static_cast<T>(static_cast<std::make_unsigned_t<T>>(left) +
                            static_cast<std::make_unsigned_t<T>>(right));
    } else {
      return left + right;
    }
  }
};
struct Max {
  template <typename T>
  static T apply(T left, T right) {
    return left > right || left != left ? left : right;
  }
};
struct Min {
  template <typename T>
  static T apply(T left, T right) {
    return left < right || left != left ? left : right;
  }
};

template <typename Op, typename T>
void reduce_values(T* target, const T* source, size_t count, bool source_first) {
  if (source_first) {
    for (size_t i = 0; i < count; ++i) target[i] = Op::apply(source[i], target[i]);
  } else {
    for (size_t i = 0; i < count; ++i) target[i] = Op::apply(target[i], source[i]);
  }
}

template <typename Op, typename Half>
void reduce_halves(uint16_t* target, const uint16_t* source, size_t count, bool source_first) {
  float left[kHalfBlock];
  float right[kHalfBlock];
  for (size_t i = 0; i < count; i += kHalfBlock) {
    const size_t n = std::min(kHalfBlock, count - i);
    Half::widen(left, target + i, n);
    Half::widen(right, source + i, n);
    reduce_values<Op>(left, right, n, source_first);
    Half::narrow(target + i, left, n);
  }
}

template <typename Op, typename Half>
void reduce_wire(float* target, const uint16_t* source, size_t count, bool source_first) {
  float right[kHalfBlock];
  for (size_t i = 0; i < count; i += kHalfBlock) {
    const size_t n = std::min(kHalfBlock, count - i);
    Half::widen(right, source + i, n);
    reduce_values<Op>(target + i, right, n, source_first);
  }
}

/// Calls f with Sum, Max or Min.
template <typename F>
void with_operation(Reduction reduction, F f) {
  switch (reduction) {
    case Reduction::kSum:
      return f(Sum{});
    case Reduction::kMax:
      return f(Max{});
    case Reduction::kMin:
      return f(Min{});
  }
}

/// Calls f with Float16 or BFloat16.
template <typename F>
void with_half(DType wire, F f) {
  if (wire == DType::kFloat16) return f(Float16{});
  require(wire == DType::kBFloat16, ErrorCode::kInternal, "{} is no type for the wire",
          name_of(wire));
  f(BFloat16{});
}

}  // namespace

bool can_reduce(DType dtype) {
  return dtype == DType::kFloat32 || dtype == DType::kFloat64 || dtype == DType::kFloat16 ||
         dtype == DType::kBFloat16 || dtype == DType::kInt32 || dtype == DType::kInt64;
}

void reduce(DType dtype, Reduction reduction, void* target, const void* source, size_t count,
            bool source_first) {
  with_operation(reduction, [&]<typename Op>(Op) {
    auto as = [&]<typename T>(T*) {
      reduce_values<Op>(static_cast<T*>(target), static_cast<const T*>(source), count,
                        source_first);
    };
    auto half = [&]<typename Half>(Half) {
      reduce_halves<Op, Half>(static_cast<uint16_t*>(target), static_cast<const uint16_t*>(source),
                              count, source_first);
    };
    switch (dtype) {
      case DType::kFloat32:
        return as(static_cast<float*>(nullptr));
      case DType::kFloat64:
        return as(static_cast<double*>(nullptr));
      case DType::kInt32:
        return as(static_cast<int32_t*>(nullptr));
      case DType::kInt64:
        return as(static_cast<int64_t*>(nullptr));
      default:
        return with_half(dtype, half);
    }
  });
}

void reduce_from_wire(DType wire, Reduction reduction, float* target, const void* source,
                      size_t count, bool source_first) {
  with_operation(reduction, [&]<typename Op>(Op) {
    with_half(wire, [&]<typename Half>(Half) {
      reduce_wire<Op, Half>(target, static_cast<const uint16_t*>(source), count, source_first);
    });
  });
}

void encode(DType wire, void* target, float* values, size_t count) {
  with_half(wire, [&]<typename Half>(Half) {
    auto* bits = static_cast<uint16_t*>(target);
    Half::narrow(bits, values, count);
    Half::widen(values, bits, count);
  });
}

void decode(DType wire, float* target, const void* source, size_t count) {
  with_half(wire, [&]<typename Half>(Half) {
    Half::widen(target, static_cast<const uint16_t*>(source), count);
  });
}

void round_to(DType wire, float* values, size_t count) {
  uint16_t bits[kHalfBlock];
  for (size_t i = 0; i < count; i += kHalfBlock) {
    encode(wire, bits, values + i, std::min(kHalfBlock, count - i));
  }
}

}  // namespace headrace::comm
