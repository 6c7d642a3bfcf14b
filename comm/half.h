#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#if defined(__F16C__)
#include <immintrin.h>
#endif

/// float16 and bfloat16 as bits, converted in blocks that stay in registers or the nearest cache.
namespace headrace::comm {

struct BFloat16 {
  using Bits = uint16_t;

  static float widen(Bits bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

  static Bits narrow(float value) {
    const auto bits = std::bit_cast<uint32_t>(value);
    const uint32_t rounded = bits + 0x7fff + ((bits >> 16) & 1);
    const uint32_t quiet = bits | 0x400000;  // rounding could make a NaN infinite
    return static_cast<Bits>((value == value ? rounded : quiet) >> 16);
  }

  static void widen(float* target, const Bits* source, size_t count) {
    for (size_t i = 0; i < count; ++i) target[i] = widen(source[i]);
  }
  static void narrow(Bits* target, const float* source, size_t count) {
    for (size_t i = 0; i < count; ++i) target[i] = narrow(source[i]);
  }
};

struct Float16 {
  using Bits = uint16_t;

  static float widen(Bits bits) {
    const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
    const uint32_t magnitude = bits & 0x7fff;
    // Exponents are rebiased by a multiplication, which also normalises subnormal numbers.
    const float scaled = std::bit_cast<float>(magnitude << 13) * 0x1p112f;
    const uint32_t special = magnitude >= 0x7c00 ? 0x7f800000 : 0;  // infinity or NaN
    const uint32_t quiet = magnitude > 0x7c00 ? 0x400000 : 0;
    return std::bit_cast<float>(sign | special | quiet | std::bit_cast<uint32_t>(scaled));
  }

  static Bits narrow(float value) {
    const auto bits = std::bit_cast<uint32_t>(value);
    const uint32_t sign = bits >> 16 & 0x8000;
    const uint32_t magnitude = bits & 0x7fffffff;
    uint32_t half = 0;
    if (magnitude > 0x7f800000) {
      half = 0x7e00 | (magnitude >> 13 & 0x3ff);
    } else if (magnitude >= 0x477ff000) {  // from 65520 on
      half = 0x7c00;
    } else if (magnitude >= 0x38800000) {  // normal, from 2^-14 on
      half = (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13;
    } else {
      // Added to 0.5, the last bit of a float32 is worth 2^-24, as that of a subnormal float16 is.
      const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
      half = std::bit_cast<uint32_t>(shifted) - 0x3f000000;
    }
    return static_cast<Bits>(sign | half);
  }

  static void widen(float* target, const Bits* source, size_t count) {
    size_t i = 0;
#if defined(__F16C__)
    for (; i + 8 <= count; i += 8) {
      const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(source + i));
      _mm256_storeu_ps(target + i, _mm256_cvtph_ps(bits));
    }
#endif
    for (; i < count; ++i) target[i] = widen(source[i]);
  }
  static void narrow(Bits* target, const float* source, size_t count) {
    size_t i = 0;
#if defined(__F16C__)
    for (; i + 8 <= count; i += 8) {
      const __m256 values = _mm256_loadu_ps(source + i);
      _mm_storeu_si128(reinterpret_cast<__m128i*>(target + i),
                       _mm256_cvtps_ph(values, _MM_FROUND_TO_NEAREST_INT));
    }
#endif
    for (; i < count; ++i) target[i] = narrow(source[i]);
  }
};

/// Elements that are converted at a time, where there is no more than a buffer for them.
inline constexpr size_t kHalfBlock = 512;

}  // namespace headrace::comm
