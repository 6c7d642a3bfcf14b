// What data-parallel training needs of the order of samples (Goyal et al., arXiv 1706.02677, Remark
// 4): every sample once per epoch, the same set per iteration however many workers share it,
// nothing to remember but a number.
#include "data/sample_stream.h"

#include <algorithm>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace headrace {
namespace {

constexpr int64_t kPrime = 1009;  // so that no batch size divides it

/// Samples of one worker in batches [first, end): iterations, unless there are micro-batches.
std::vector<int64_t> samples(const SampleStream& stream, const BatchCut& cut, int64_t first,
                             int64_t end) {
  std::vector<int64_t> indices;
  for (int64_t t = first; t < end; ++t) {
    for (int i = 0; i < cut.batch; ++i) indices.push_back(stream.at(cut.first(t) + i).index);
  }
  return indices;
}

TEST(SampleStream, EveryEpochIsAPermutation) {
  const SampleStream stream(kPrime, 1);
  std::vector<std::vector<int64_t>> epochs;
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    std::vector<int64_t>& indices = epochs.emplace_back();
    for (int64_t i = 0; i < kPrime; ++i) {
      const auto draw = stream.at(epoch * kPrime + i);
      EXPECT_EQ(draw.epoch, epoch);
      indices.push_back(draw.index);
    }
    EXPECT_EQ(std::set(indices.begin(), indices.end()).size(), static_cast<size_t>(kPrime));
    EXPECT_EQ(std::ranges::max(indices), kPrime - 1);
  }
  EXPECT_NE(epochs[0], epochs[1]);
  EXPECT_NE(epochs[1], epochs[2]);
  EXPECT_NE(epochs[0].front(), SampleStream(kPrime, 2).at(0).index);
}

TEST(SampleStream, WorkersTakeDisjointPartsOfEachEpoch) {
  const SampleStream stream(kPrime, 4);
  for (int world = 1; world <= 9; ++world) {
    std::vector<int> seen(kPrime, 0);
    const int64_t iterations = 2 * kPrime;  // batch * world samples each, all epochs whole
    for (int rank = 0; rank < world; ++rank) {
      const BatchCut cut{.batch = 3, .rank = rank, .world = world};
      for (const int64_t index : samples(stream, cut, 0, iterations)) ++seen[index];
    }
    EXPECT_EQ(std::set(seen.begin(), seen.end()), std::set<int>{2 * 3 * world});
  }
}

TEST(SampleStream, AnIterationTakesTheSameSetForAnyNumberOfWorkers) {
  const SampleStream stream(kPrime, 4);
  for (int64_t t : {0, 1, 83, 84, 85, 1000}) {
    const auto whole = samples(stream, {.batch = 12}, t, t + 1);
    for (int world : {2, 3, 4, 6, 12}) {
      std::vector<int64_t> parts;
      for (int rank = 0; rank < world; ++rank) {
        const auto part =
            samples(stream, {.batch = 12 / world, .rank = rank, .world = world}, t, t + 1);
        parts.insert(parts.end(), part.begin(), part.end());
      }
      EXPECT_EQ(parts, whole) << world << " workers, iteration " << t;
    }
  }
}

TEST(SampleStream, AnIterationTakesTheSameSetInAnyNumberOfMicroBatches) {
  const SampleStream stream(kPrime, 4);
  for (int64_t t : {0, 1, 83, 84, 85, 1000}) {
    const auto whole = samples(stream, {.batch = 24}, t, t + 1);
    for (int world : {1, 2, 3, 4}) {
      for (int micro_batches : {1, 2, 3, 6}) {
        if (24 % (world * micro_batches) != 0) continue;
        std::vector<int64_t> parts;
        for (int rank = 0; rank < world; ++rank) {
          const BatchCut cut{.batch = 24 / world / micro_batches,
                             .rank = rank,
                             .world = world,
                             .micro_batches = micro_batches};
          const auto part = samples(stream, cut, t * micro_batches, (t + 1) * micro_batches);
          parts.insert(parts.end(), part.begin(), part.end());
        }
        // Micro-batch a of worker r is what worker r * A + a of as many workers has.
        EXPECT_EQ(parts, whole) << world << " workers, " << micro_batches << " micro-batches, "
                                << t;
      }
    }
  }
}

TEST(SampleStream, ResumesAnywhere) {
  const BatchCut cut{.batch = 32, .rank = 1, .world = 2};
  const SampleStream straight(kPrime, 9);
  const auto all = samples(straight, cut, 0, 60);
  const SampleStream resumed(kPrime, 9);
  const auto tail = samples(resumed, cut, 23, 60);
  EXPECT_TRUE(std::equal(tail.begin(), tail.end(), all.begin() + 23 * 32));
}

TEST(SampleStream, RefusesWhatHasNoMeaning) {
  using testing::expect_error;
  expect_error(ErrorCode::kInvalidArgument, "0 samples", [] { SampleStream(0, 1); });
  expect_error(ErrorCode::kInvalidArgument, "before the first", [] { SampleStream(5, 1).at(-1); });
}

}  // namespace
}  // namespace headrace
