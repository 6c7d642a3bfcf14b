#include "comm/schedule/collectives.h"

#include <vector>

#include <gtest/gtest.h>

#include "tests/comm/cases.h"

namespace headrace::comm {
namespace {

/// Runs a collective for every world, count and segment and hands the outcome to `check(outcome, p,
/// count, operands)`.
template <typename Check>
void for_all(
    const std::string& name, const MakeSchedule& algorithm, Check check,
    bool (*takes)(int) = [](int) { return true; }) {
  for (int p : worlds()) {
    if (!takes(p)) continue;
    for (size_t count : counts(p)) {
      for (size_t segment : {size_t{7}, size_t{64}, kWhole}) {
        SCOPED_TRACE(call(name, p, count, segment));
        const auto before = operands(p, count);
        const Outcome outcome = simulate(all_ranks(algorithm, p, count, segment), before);
        ASSERT_EQ(outcome.error, "");
        check(outcome, p, count, before);
        if (testing::Test::HasFatalFailure()) return;
      }
    }
  }
}

/// Part `rank` of rank `rank` and, for all elements of it, the rank that owns it.
template <typename Visit>
void for_each_part(int p, size_t count, Visit visit) {
  for (int r = 0; r < p; ++r) {
    const auto rank = static_cast<size_t>(r);
    const Range own = part({0, count}, static_cast<size_t>(p), rank);
    for (size_t i = own.begin; i < own.end(); ++i) visit(rank, i);
  }
}

size_t time_of(const MakeSchedule& algorithm, int p, size_t count, size_t segment) {
  const Outcome outcome = simulate(all_ranks(algorithm, p, count, segment), operands(p, count));
  EXPECT_EQ(outcome.error, "");
  return outcome.time;
}

int root_of(int p) { return p / 3; }

Schedule tree_broadcast_(World w, size_t count, size_t) {
  return tree_broadcast(w, root_of(w.size), count);
}
Schedule chain_broadcast_(World w, size_t count, size_t segment) {
  return chain_broadcast(w, root_of(w.size), count, segment);
}
Schedule tree_reduce_(World w, size_t count, size_t) {
  return tree_reduce(w, root_of(w.size), count);
}
Schedule chain_reduce_(World w, size_t count, size_t segment) {
  return chain_reduce(w, root_of(w.size), count, segment);
}
Schedule gather_(World w, size_t count, size_t segment) {
  return gather(w, root_of(w.size), count, segment);
}
Schedule scatter_(World w, size_t count, size_t segment) {
  return scatter(w, root_of(w.size), count, segment);
}

TEST(ReduceScatter, LeavesEachRankTheSumOfItsPart) {
  auto check = [](const Outcome& outcome, int p, size_t count, const auto&) {
    const auto expected = sums(p, count);
    for_each_part(p, count, [&](size_t rank, size_t i) {
      ASSERT_EQ(outcome.data[rank][i].sum, expected[i]) << "rank " << rank << " element " << i;
    });
  };
  for_all("ring_reduce_scatter", ring_reduce_scatter, check);
  for_all("halving_reduce_scatter", halving_reduce_scatter, check, is_power_of_two);
}

TEST(Allgather, LeavesEveryRankEveryPart) {
  auto check = [](const Outcome& outcome, int p, size_t count, const auto& before) {
    for_each_part(p, count, [&](size_t owner, size_t i) {
      for (const auto& data : outcome.data) {
        ASSERT_TRUE(data[i] == before[owner][i]) << "owner " << owner << " element " << i;
      }
    });
  };
  for_all("ring_allgather", ring_allgather, check);
  for_all("doubling_allgather", doubling_allgather, check, is_power_of_two);
}

TEST(Broadcast, LeavesEveryRankTheVectorOfTheRoot) {
  auto check = [](const Outcome& outcome, int p, size_t, const auto& before) {
    for (const auto& data : outcome.data) {
      ASSERT_TRUE(data == before[static_cast<size_t>(root_of(p))]);
    }
  };
  for_all("tree_broadcast", tree_broadcast_, check);
  for_all("chain_broadcast", chain_broadcast_, check);
}

TEST(Reduce, LeavesTheRootTheSum) {
  auto check = [](const Outcome& outcome, int p, size_t count, const auto&) {
    const auto expected = sums(p, count);
    for (size_t i = 0; i < count; ++i) {
      ASSERT_EQ(outcome.data[static_cast<size_t>(root_of(p))][i].sum, expected[i]) << i;
    }
  };
  for_all("tree_reduce", tree_reduce_, check);
  for_all("chain_reduce", chain_reduce_, check);
}

TEST(Gather, LeavesTheRootEveryPart) {
  for_all("gather", gather_, [](const Outcome& outcome, int p, size_t count, const auto& before) {
    for_each_part(p, count, [&](size_t owner, size_t i) {
      ASSERT_TRUE(outcome.data[static_cast<size_t>(root_of(p))][i] == before[owner][i]) << i;
    });
  });
}

TEST(Scatter, LeavesEachRankItsPartOfTheRootsVector) {
  for_all("scatter", scatter_, [](const Outcome& outcome, int p, size_t count, const auto& before) {
    for_each_part(p, count, [&](size_t owner, size_t i) {
      ASSERT_TRUE(outcome.data[owner][i] == before[static_cast<size_t>(root_of(p))][i]) << i;
    });
  });
}

TEST(AllToAll, TransposesTheBlocks) {
  for (int p : worlds()) {
    for (size_t block : {size_t{0}, size_t{1}, size_t{5}}) {
      const auto ranks = static_cast<size_t>(p);
      const auto before = operands(p, block * ranks);
      const Outcome outcome = simulate(all_ranks(all_to_all, p, block, 3), before);
      SCOPED_TRACE(call("all_to_all", p, block, 3));
      ASSERT_EQ(outcome.error, "");
      for (size_t to = 0; to < ranks; ++to) {
        for (size_t from = 0; from < ranks; ++from) {
          for (size_t i = 0; i < block; ++i) {
            ASSERT_TRUE(outcome.data[to][from * block + i] == before[from][to * block + i])
                << from << " to " << to;
          }
        }
      }
    }
  }
}

// No rank may leave before the last has entered: with one that never enters, nobody gets through.
TEST(Barrier, WaitsForEveryRank) {
  for (int p : {2, 3, 5, 8, 13}) {
    for (int late = 0; late < p; ++late) {
      std::vector<Schedule> schedules;
      for (int r = 0; r < p; ++r) schedules.push_back(barrier({r, p}));
      schedules[static_cast<size_t>(late)].steps.clear();
      const Outcome outcome = simulate(schedules, operands(p, 0));
      for (int r = 0; r < p; ++r) {
        if (r == late) continue;
        EXPECT_NE(outcome.error.find("rank " + std::to_string(r) + ","), std::string::npos)
            << "rank " << r << " of " << p << " did not wait for " << late << '\n'
            << outcome.error;
      }
    }
  }
}

TEST(Collectives, TakeTheStepsOfTheTheory) {
  for (int p : worlds()) {
    SCOPED_TRACE(p);
    const size_t n = static_cast<size_t>(p) * 4;
    const auto others = static_cast<size_t>(p - 1);
    EXPECT_EQ(time_of(ring_reduce_scatter, p, n, kWhole), others);
    EXPECT_EQ(time_of(ring_allgather, p, n, kWhole), others);
    if (is_power_of_two(p)) {
      EXPECT_EQ(time_of(halving_reduce_scatter, p, n, kWhole), floor_lg(p));
      EXPECT_EQ(time_of(doubling_allgather, p, n, kWhole), floor_lg(p));
    }
    EXPECT_EQ(time_of(tree_broadcast_, p, n, kWhole), ceil_lg(p));
    EXPECT_EQ(time_of(tree_reduce_, p, n, kWhole), ceil_lg(p));
    EXPECT_EQ(time_of(gather_, p, n, kWhole), others);
    EXPECT_EQ(time_of(scatter_, p, n, kWhole), others);
    EXPECT_EQ(time_of([](World w, size_t, size_t) { return barrier(w); }, p, 0, 1), ceil_lg(p));
    if (p > 1) {
      const size_t segments = n / 4;
      EXPECT_EQ(time_of(chain_broadcast_, p, n, 4), others - 1 + segments);
      EXPECT_EQ(time_of(chain_reduce_, p, n, 4), others - 1 + segments);
    }
  }
}

}  // namespace
}  // namespace headrace::comm
