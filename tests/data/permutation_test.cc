// Properties of a random permutation: it is one, for every size; all of them turn up equally often
// where there are few; places of elements are uniform and fixed points as many as theory says where
// there are many.
#include "data/permutation.h"

#include <map>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace headrace {
namespace {

std::vector<int64_t> list(int64_t size, uint64_t seed, uint64_t number) {
  const Permutation permutation(size, seed, number);
  std::vector<int64_t> images(static_cast<size_t>(size));
  for (int64_t i = 0; i < size; ++i) images[static_cast<size_t>(i)] = permutation(i);
  return images;
}

TEST(Permutation, IsABijectionForEverySize) {
  std::vector<int64_t> sizes(300);
  std::iota(sizes.begin(), sizes.end(), 1);
  for (const int64_t size : {4095, 4096, 4097, 10007, 60000}) sizes.push_back(size);
  for (const int64_t size : sizes) {
    for (uint64_t number = 0; number < 3; ++number) {
      std::vector<int> seen(static_cast<size_t>(size), 0);
      for (const int64_t image : list(size, 7, number)) {
        ASSERT_GE(image, 0);
        ASSERT_LT(image, size);
        ++seen[static_cast<size_t>(image)];
      }
      ASSERT_EQ(std::count(seen.begin(), seen.end(), 1), size) << size;
    }
  }
}

TEST(Permutation, DependsOnBothKeysAndNothingElse) {
  EXPECT_EQ(list(1000, 1, 5), list(1000, 1, 5));
  EXPECT_NE(list(1000, 1, 5), list(1000, 2, 5));
  EXPECT_NE(list(1000, 1, 5), list(1000, 1, 6));
}

// Chi-squared over all n! permutations. The 99.9 % quantiles are from tables of the distribution
// with n! - 1 degrees of freedom.
TEST(Permutation, AllOrdersAreEquallyLikely) {
  const std::map<int64_t, std::pair<int, double>> cases = {
      {2, {2, 10.83}}, {3, {6, 20.52}}, {4, {24, 49.73}}, {5, {120, 173.6}}};
  for (const auto& [size, expected] : cases) {
    const auto [orders, quantile] = expected;
    const int draws = 200 * orders;
    std::map<std::vector<int64_t>, int> counts;
    for (int draw = 0; draw < draws; ++draw) ++counts[list(size, 3, static_cast<uint64_t>(draw))];
    EXPECT_EQ(counts.size(), static_cast<size_t>(orders));
    double chi_squared = 0;
    for (const auto& [order, count] : counts)
      chi_squared += (count - 200.0) * (count - 200.0) / 200;
    EXPECT_LT(chi_squared, quantile) << size;
  }
}

// Every place is equally likely for every element: 100 x 100 cells, each expected 100 times;
// (100 - 1)^2 degrees of freedom, so mean 9801 and standard deviation 140.
TEST(Permutation, PlacesAreUniform) {
  constexpr int kSize = 100;
  constexpr int kDraws = 10000;
  std::vector<int> counts(kSize * kSize, 0);
  for (uint64_t draw = 0; draw < kDraws; ++draw) {
    const auto images = list(kSize, 11, draw);
    for (int i = 0; i < kSize; ++i) ++counts[static_cast<size_t>(i * kSize + images[i])];
  }
  const double expected = double{kDraws} / kSize;
  double chi_squared = 0;
  for (const int count : counts) chi_squared += (count - expected) * (count - expected) / expected;
  EXPECT_NEAR(chi_squared, 9801, 4 * 140);
}

// A random permutation has one fixed point on average, with variance one, whatever its size; and
// one neighbour (i goes to k and i + 1 to k + 1) on average.
TEST(Permutation, KeepsNeitherPlacesNorNeighbours) {
  constexpr int kDraws = 400;
  int fixed = 0;
  int neighbours = 0;
  for (uint64_t draw = 0; draw < kDraws; ++draw) {
    const auto images = list(6000, 5, draw);
    for (size_t i = 0; i < images.size(); ++i) {
      fixed += images[i] == static_cast<int64_t>(i);
      neighbours += i > 0 && images[i] == images[i - 1] + 1;
    }
  }
  EXPECT_NEAR(fixed, kDraws, 4 * 20);
  EXPECT_NEAR(neighbours, kDraws, 4 * 20);
}

TEST(Permutation, OfNothingIsAnError) {
  testing::expect_error(ErrorCode::kInvalidArgument, "nothing to permute",
                        [] { Permutation(0, 1, 1); });
}

}  // namespace
}  // namespace headrace
