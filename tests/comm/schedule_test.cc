#include "comm/schedule/schedule.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "comm/schedule/allreduce.h"
#include "comm/schedule/collectives.h"
#include "core/error.h"
#include "tests/comm/cases.h"

// Every schedule is run by simulated ranks, without any network. A failure names the call;
// describe() of it shows the steps.
namespace headrace::comm {
namespace {

size_t sent(const Schedule& schedule) {
  size_t elements = 0;
  for (const Step& s : schedule.steps) elements += s.action == Action::kSend ? s.count : 0;
  return elements;
}

size_t received(const Schedule& schedule) {
  size_t elements = 0;
  for (const Step& s : schedule.steps) elements += s.action == Action::kReceive ? s.count : 0;
  return elements;
}

size_t longest_message(const Schedule& schedule) {
  size_t longest = 0;
  for (const Step& s : schedule.steps) longest = std::max(longest, s.count);
  return longest;
}

struct NamedAllreduce {
  std::string name;
  MakeSchedule algorithm;
  std::function<bool(int p)> takes;
  std::function<size_t(int p)> time;  // steps of unsegmented messages
};

void PrintTo(const NamedAllreduce& allreduce, std::ostream* out) { *out << allreduce.name; }

int block_of(int p, int rank) {
  int first = 0;
  while (true) {
    const int size = static_cast<int>(std::bit_floor(static_cast<unsigned>(p - first)));
    if (rank < first + size) return size;
    first += size;
  }
}

/// Halving, doubling, and two ways over each border, where a rank of the smaller block sends to as
/// many of the larger one as that is larger.
size_t binary_blocks_time(int p) {
  size_t time = 2 * floor_lg(p);
  for (int first = block_of(p, 0), larger = first; first < p;) {
    const int size = block_of(p, first);
    time += 2 * static_cast<size_t>(larger / size);
    larger = size;
    first += size;
  }
  return time;
}

NamedAllreduce two_level(int g) {
  return {fmt::format("two_level_{}", g),
          [g](World w, size_t count, size_t segment) {
            return two_level_allreduce(w, count, segment, g);
          },
          [g](int p) { return p % g == 0; },
          [g](int p) {
            const int h = p / g;
            const size_t between =
                is_power_of_two(h) ? 2 * floor_lg(h) : 2 * static_cast<size_t>(h - 1);
            return 2 * static_cast<size_t>(g - 1) + between;
          }};
}

std::vector<NamedAllreduce> allreduces() {
  auto any = [](int) { return true; };
  auto folded = [](int p) { return is_power_of_two(p) ? 0 : 2; };
  return {
      {"ring_allreduce", ring_allreduce, any, [](int p) { return 2 * static_cast<size_t>(p - 1); }},
      {"halving_doubling_allreduce", halving_doubling_allreduce, is_power_of_two,
       [](int p) { return 2 * floor_lg(p); }},
      {"fold_allreduce", fold_allreduce, any,
       [folded](int p) { return 2 * floor_lg(p) + static_cast<size_t>(folded(p)); }},
      {"binary_blocks_allreduce", binary_blocks_allreduce, any, binary_blocks_time},
      {"recursive_doubling_allreduce",
       [](World w, size_t count, size_t) { return recursive_doubling_allreduce(w, count); }, any,
       [folded](int p) { return floor_lg(p) + static_cast<size_t>(folded(p)); }},
      {"mixed_radix_allreduce", mixed_radix_allreduce, any,
       [](int p) {
         size_t time = 0;
         for (int factor = 2, rest = p; rest > 1; ++factor) {
           for (; rest % factor == 0; rest /= factor) time += 2 * static_cast<size_t>(factor - 1);
         }
         return time;
       }},
      {"star_allreduce", [](World w, size_t count, size_t) { return star_allreduce(w, count); },
       any, [](int p) { return 2 * static_cast<size_t>(p - 1); }},
      {"pairwise_allreduce", pairwise_allreduce, any,
       [](int p) { return 2 * static_cast<size_t>(p - 1); }},
      two_level(2),
      two_level(3),
      two_level(8),
  };
}

class AllreduceSchedule : public testing::TestWithParam<NamedAllreduce> {};

TEST_P(AllreduceSchedule, ReducesEveryElementOnceFromEveryRankToTheSameBits) {
  for (int p : worlds()) {
    if (!GetParam().takes(p)) continue;
    for (size_t count : counts(p)) {
      const auto expected = sums(p, count);
      for (size_t segment : {size_t{7}, size_t{64}, kWhole}) {
        SCOPED_TRACE(call(GetParam().name, p, count, segment));
        const Outcome outcome =
            simulate(all_ranks(GetParam().algorithm, p, count, segment), operands(p, count));
        ASSERT_EQ(outcome.error, "");
        for (size_t i = 0; i < count; ++i) ASSERT_EQ(outcome.data[0][i].sum, expected[i]) << i;
        for (int r = 1; r < p; ++r) {
          ASSERT_TRUE(outcome.data[static_cast<size_t>(r)] == outcome.data[0]) << "rank " << r;
        }
      }
    }
  }
}

TEST_P(AllreduceSchedule, ReducesLongVectorsInManySegments) {
  for (int p : {8, 9, 24}) {
    if (!GetParam().takes(p)) continue;
    const size_t count = 65537;
    SCOPED_TRACE(call(GetParam().name, p, count, 1024));
    const Outcome outcome =
        simulate(all_ranks(GetParam().algorithm, p, count, 1024), operands(p, count));
    ASSERT_EQ(outcome.error, "");
    const auto expected = sums(p, count);
    for (size_t i = 0; i < count; ++i) ASSERT_EQ(outcome.data[0][i].sum, expected[i]) << i;
    for (const auto& data : outcome.data) ASSERT_TRUE(data == outcome.data[0]);
  }
}

TEST_P(AllreduceSchedule, TakesTheStepsOfTheTheory) {
  for (int p : worlds()) {
    if (!GetParam().takes(p)) continue;
    const size_t count = static_cast<size_t>(p) * 4;
    SCOPED_TRACE(call(GetParam().name, p, count, kWhole));
    const Outcome outcome =
        simulate(all_ranks(GetParam().algorithm, p, count, kWhole), operands(p, count));
    EXPECT_EQ(outcome.error, "");
    if (GetParam().name == "binary_blocks_allreduce") {  // borders may overlap with halving
      EXPECT_LE(outcome.time, GetParam().time(p));
      EXPECT_GE(outcome.time, 2 * floor_lg(p));
    } else {
      EXPECT_EQ(outcome.time, GetParam().time(p));
    }
  }
}

TEST_P(AllreduceSchedule, NeedsScratchForTwoMessagesAtMost) {
  const bool whole = GetParam().name == "recursive_doubling_allreduce" ||
                     GetParam().name == "star_allreduce";  // do not segment
  for (int p : worlds()) {
    if (!GetParam().takes(p)) continue;
    for (size_t segment : {size_t{5}, size_t{64}}) {
      const size_t message = whole ? 1009 : segment;
      for (const Schedule& s : all_ranks(GetParam().algorithm, p, 1009, segment)) {
        ASSERT_LE(longest_message(s), message) << call(GetParam().name, p, 1009, segment);
        ASSERT_LE(s.scratch_count, 2 * message) << call(GetParam().name, p, 1009, segment);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, AllreduceSchedule, testing::ValuesIn(allreduces()),
                         [](const auto& param) { return param.param.name; });

// 2 (p - 1) / p of the vector, which no algorithm can better (Patarasuk and Yuan, 2009).
TEST(AllreduceBytes, AreOptimalForRingHalvingDoublingPairwiseAndTwoLevels) {
  for (int p : worlds()) {
    for (const NamedAllreduce& named : {allreduces()[0], allreduces()[1], allreduces()[7],
                                        two_level(2), two_level(3), two_level(8)}) {
      if (!named.takes(p)) continue;
      const size_t count = static_cast<size_t>(p) * 1000;
      for (size_t segment : {size_t{64}, kWhole}) {
        for (const Schedule& s : all_ranks(named.algorithm, p, count, segment)) {
          ASSERT_EQ(sent(s), 2 * static_cast<size_t>(p - 1) * 1000) << named.name << ' ' << p;
          ASSERT_EQ(received(s), sent(s)) << named.name << ' ' << p;
        }
      }
    }
  }
}

TEST(AllreduceBytes, OfBinaryBlocksGrowByWhatCrossesTheBorders) {
  for (int p : worlds()) {
    const auto q = static_cast<size_t>(std::bit_floor(static_cast<unsigned>(p)));
    const size_t count = q * 8;
    for (int r = 0; r < p; ++r) {
      const auto size = static_cast<size_t>(block_of(p, r));
      const bool has_larger = size < q;
      const bool has_smaller = static_cast<size_t>(block_of(p, p - 1)) < size;
      const size_t borders = (has_larger ? 1 : 0) + (has_smaller ? 1 : 0);
      ASSERT_EQ(sent(binary_blocks_allreduce({r, p}, count, 64)),
                2 * count * (size - 1) / size + borders * count / size)
          << "p " << p << " rank " << r;
    }
  }
}

// More elements than an int, and more bytes than 2^35, count for nothing where no element is
// touched.
TEST(AllreduceBytes, HoldForMoreElementsThanAnIntCounts) {
  const size_t count = (size_t{1} << 33) + 5;
  for (int p : {3, 4, 7, 8}) {
    for (const NamedAllreduce& named : {allreduces()[0], allreduces()[1]}) {
      if (!named.takes(p)) continue;
      for (int r = 0; r < p; ++r) {
        const Schedule s = named.algorithm({r, p}, count, size_t{1} << 24);
        const auto ranks = static_cast<size_t>(p);
        EXPECT_NEAR(static_cast<double>(sent(s)),
                    static_cast<double>(2 * count - 2 * (count / ranks)), 2 * p);
        for (const Step& step : s.steps) {
          const bool scratch = step.target_buffer == Buffer::kScratch;
          ASSERT_LE(step.target + step.count, scratch ? s.scratch_count : count);
        }
      }
    }
  }
}

TEST(AllreduceSchedules, SendAheadOfTheReductionsThatTheyDoNotNeed) {
  const Schedule s = ring_allreduce({0, 4}, 64, 8);  // two segments per part
  ASSERT_GE(s.steps.size(), 4u);
  EXPECT_EQ(s.steps[0].action, Action::kSend);
  EXPECT_EQ(s.steps[1].action, Action::kSend);
  EXPECT_EQ(s.steps[2].action, Action::kReceive);
  EXPECT_EQ(s.steps[3].action, Action::kReduce);
}

TEST(AllreduceSchedules, RefuseWhatMakesNoSense) {
  EXPECT_THROW(ring_allreduce({4, 4}, 8, 8), Error);
  EXPECT_THROW(ring_allreduce({-1, 4}, 8, 8), Error);
  EXPECT_THROW(ring_allreduce({0, 4}, 8, 0), Error);
  EXPECT_THROW(halving_doubling_allreduce({0, 6}, 8, 8), Error);
  EXPECT_THROW(two_level_allreduce({0, 6}, 8, 8, 4), Error);
  EXPECT_THROW(two_level_allreduce({0, 6}, 8, 8, 0), Error);
  EXPECT_THROW(tree_broadcast({0, 6}, 6, 8), Error);
}

}  // namespace
}  // namespace headrace::comm
