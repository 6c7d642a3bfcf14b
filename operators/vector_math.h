#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

namespace headrace {

/// e^x for x <= 0, in a form that loops over it are vectorised: relative error below 2e-7 in
/// float32. Results below the smallest normal number are 0; a NaN stays a NaN.
///
/// x = n ln 2 + r with |r| <= ln 2 / 2, and e^r by the Taylor polynomial of degree 7.
inline float exp_nonpositive(float x) {
  constexpr float kLog2E = 1.44269504f;
  constexpr float kLn2High = 0.693359375f;  // 9 bits: n times it is exact
  constexpr float kLn2Low = -2.12194440e-4f;
  constexpr float kLowest = -87.3365f;    // e^x is a normal number from here on
  constexpr float kRounder = 12582912.f;  // 1.5 * 2^23: adding it rounds to an integer
  const float clamped = x < kLowest ? kLowest : x;
  const float shifted = clamped * kLog2E + kRounder;
  const float n = shifted - kRounder;
  const float r = (clamped - n * kLn2High) - n * kLn2Low;
  float sum = 1.f / 5040;
  sum = sum * r + 1.f / 720;
  sum = sum * r + 1.f / 120;
  sum = sum * r + 1.f / 24;
  sum = sum * r + 1.f / 6;
  sum = sum * r + 0.5f;
  sum = sum * r + 1.f;
  sum = sum * r + 1.f;
  // The low bits of `shifted` are n: moved into the exponent they multiply by 2^n.
  const uint32_t power = (std::bit_cast<uint32_t>(shifted) << 23) + std::bit_cast<uint32_t>(1.f);
  // A factor, not a choice of results: the compiler would branch around the polynomial.
  const float factor = x < kLowest ? 0.f : std::bit_cast<float>(power);
  return sum * factor;
}
inline double exp_nonpositive(double x) { return std::exp(x); }

/// Combines term(i) for i in [0, count) with combine(a, b), which need not be exact: several
/// accumulators side by side, so that the loop is vectorised, in an order that `count` alone fixes.
template <typename T, typename Term, typename Combine>
T reduce_lanes(int64_t count, T start, Term term, Combine combine) {
  constexpr int kLanes = 16;
  T lanes[kLanes];
  for (T& lane : lanes) lane = start;
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) lanes[lane] = combine(lanes[lane], term(i + lane));
  }
  for (int lane = 0; i < count; ++i, ++lane) lanes[lane] = combine(lanes[lane], term(i));
  for (int half = kLanes / 2; half > 0; half /= 2) {
    for (int lane = 0; lane < half; ++lane) lanes[lane] = combine(lanes[lane], lanes[lane + half]);
  }
  return lanes[0];
}

template <typename T, typename Term>
T sum_lanes(int64_t count, Term term) {
  return reduce_lanes<T>(count, T{0}, term, [](T a, T b) { return a + b; });
}

}  // namespace headrace
