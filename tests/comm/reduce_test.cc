#include "comm/reduce.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "comm/half.h"

namespace headrace::comm {
namespace {

/// The number that `bits` stand for in a format of IEEE 754 with so many bits of mantissa, by
/// arithmetic on the value.
double value_of(uint16_t bits, int mantissa) {
  const int exponent_bits = 15 - mantissa;
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = (bits & 0x7fff) >> mantissa;
  const double fraction = (bits & ((1 << mantissa) - 1)) / std::exp2(mantissa);
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) {
    return fraction == 0 ? sign * std::numeric_limits<double>::infinity()
                         : std::numeric_limits<double>::quiet_NaN();
  }
  return sign * (exponent == 0 ? fraction * std::exp2(1 - bias)
                               : (1 + fraction) * std::exp2(exponent - bias));
}

template <typename Half>
void check_all_patterns(int mantissa) {
  std::vector<uint16_t> bits(65536);
  for (size_t i = 0; i < bits.size(); ++i) bits[i] = static_cast<uint16_t>(i);
  std::vector<float> many(bits.size());
  Half::widen(many.data(), bits.data(), bits.size());
  std::vector<uint16_t> back(bits.size());
  Half::narrow(back.data(), many.data(), many.size());
  for (const uint16_t b : bits) {
    const double expected = value_of(b, mantissa);
    const float one = Half::widen(b);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(one) && std::isnan(many[b])) << b;
      ASSERT_TRUE(std::isnan(Half::widen(back[b]))) << b;
      continue;
    }
    ASSERT_EQ(one, expected) << b;
    ASSERT_EQ(many[b], expected) << b;
    ASSERT_EQ(Half::narrow(one), b);
    ASSERT_EQ(back[b], b);
  }
}

/// Between two neighbours: to the nearer one, in the middle to the even one.
template <typename Half>
void check_rounding(uint16_t largest) {
  for (uint16_t low = 0; low < largest; ++low) {
    const auto high = static_cast<uint16_t>(low + 1);
    const double a = Half::widen(low);
    const double b = Half::widen(high);
    const auto middle = static_cast<float>((a + b) / 2);
    ASSERT_EQ(Half::narrow(middle), low % 2 == 0 ? low : high) << low;
    ASSERT_EQ(Half::narrow(std::nextafter(middle, -1.0f)), low) << low;
    ASSERT_EQ(Half::narrow(std::nextafter(middle, std::numeric_limits<float>::infinity())), high)
        << low;
    ASSERT_EQ(Half::narrow(-middle), (low % 2 == 0 ? low : high) | 0x8000) << low;
  }
}

TEST(Half, Float16IsWhatIeee754Says) {
  check_all_patterns<Float16>(10);
  check_rounding<Float16>(0x7bff);
  EXPECT_EQ(Float16::narrow(65519.996f), 0x7bff);
  EXPECT_EQ(Float16::narrow(65520.0f), 0x7c00);
  EXPECT_EQ(Float16::narrow(std::numeric_limits<float>::denorm_min()), 0);
}

TEST(Half, BFloat16IsTheUpperHalfOfFloat32) {
  check_all_patterns<BFloat16>(7);
  check_rounding<BFloat16>(0x7f7e);
  EXPECT_EQ(BFloat16::narrow(std::numeric_limits<float>::max()), 0x7f80);
}

// The vector instructions and the plain loop behind them round alike, at any length.
TEST(Half, BlocksAreRoundedLikeSingleNumbers) {
  std::mt19937 random(3);
  for (size_t count : {1, 7, 8, 9, 64, 1000}) {
    std::vector<float> values(count);
    for (float& value : values) value = std::bit_cast<float>(static_cast<uint32_t>(random()));
    std::vector<uint16_t> halves(count), bfloats(count);
    Float16::narrow(halves.data(), values.data(), count);
    BFloat16::narrow(bfloats.data(), values.data(), count);
    for (size_t i = 0; i < count; ++i) {
      if (std::isnan(values[i])) {
        EXPECT_TRUE(std::isnan(Float16::widen(halves[i])));
        EXPECT_TRUE(std::isnan(BFloat16::widen(bfloats[i])));
        continue;
      }
      EXPECT_EQ(halves[i], Float16::narrow(values[i])) << values[i];
      EXPECT_EQ(bfloats[i], BFloat16::narrow(values[i])) << values[i];
    }
  }
}

TEST(Arithmetic, MaximumAndMinimumKeepNaNs) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (Reduction reduction : {Reduction::kMax, Reduction::kMin, Reduction::kSum}) {
    for (bool source_first : {false, true}) {
      std::vector<float> target{nan, 1, nan, 2};
      const std::vector<float> source{1, nan, nan, 3};
      reduce(DType::kFloat32, reduction, target.data(), source.data(), 4, source_first);
      for (size_t i : {0, 1, 2}) EXPECT_TRUE(std::isnan(target[i])) << i;
      EXPECT_EQ(target[3], reduction == Reduction::kMax ? 3 : reduction == Reduction::kMin ? 2 : 5);
    }
  }
}

TEST(Arithmetic, IntegersWrapAround) {
  int32_t target = std::numeric_limits<int32_t>::max();
  const int32_t one = 1;
  reduce(DType::kInt32, Reduction::kSum, &target, &one, 1, false);
  EXPECT_EQ(target, std::numeric_limits<int32_t>::min());
}

// One rounding to float32 and one to float16, as every rank does it.
TEST(Arithmetic, HalvesAreAddedAsFloat32) {
  std::mt19937 random(5);
  std::vector<uint16_t> a(4099), b(a.size());
  for (size_t i = 0; i < a.size(); ++i) {
    a[i] = static_cast<uint16_t>(random() & 0xbbff);  // finite, sums too
    b[i] = static_cast<uint16_t>(random() & 0xbbff);
  }
  auto sum = a;
  reduce(DType::kFloat16, Reduction::kSum, sum.data(), b.data(), sum.size(), false);
  for (size_t i = 0; i < a.size(); ++i) {
    // The sum of two float16 is exact in float64, and that of float32 rounds to the same float16.
    const double exact = value_of(a[i], 10) + value_of(b[i], 10);
    ASSERT_EQ(Float16::widen(sum[i]), Float16::widen(Float16::narrow(static_cast<float>(exact))));
  }
}

TEST(Arithmetic, WhatIsEncodedIsWhatIsKept) {
  std::vector<float> values{1.0009765f, 3.14159f, -2e-5f, 70000.0f};
  std::vector<uint16_t> wire(values.size());
  auto kept = values;
  encode(DType::kBFloat16, wire.data(), kept.data(), kept.size());
  std::vector<float> decoded(values.size());
  decode(DType::kBFloat16, decoded.data(), wire.data(), wire.size());
  EXPECT_EQ(kept, decoded);
  auto rounded = values;
  round_to(DType::kBFloat16, rounded.data(), rounded.size());
  EXPECT_EQ(rounded, kept);
}

}  // namespace
}  // namespace headrace::comm
