// Executors of several ranks make operators ready in different orders; tickets let them agree
// (Goyal et al., 2017, section 4.2, bound the number of collectives for the same reason).
#include <algorithm>
#include <memory>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "comm/group.h"
#include "core/thread_pool.h"
#include "graph/executor.h"
#include "tests/comm/ranks.h"
#include "tests/graph/executor_check.h"

namespace headrace::comm {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr int64_t kModulus = 1009;

/// Every node adds up what the nodes before it have; an asynchronous one sums that over ranks, of
/// which rank r contributes (r + 1) times as much.
class Summing final : public NodeRunner {
 public:
  Summing(const headrace::testing::TestGraph& graph, const headrace::Schedule& schedule,
          Group& group)
      : group_(group), before_(graph.nodes.size()), place_(graph.nodes.size()) {
    for (const ScheduleEdge& edge : graph.edges) {
      before_[static_cast<size_t>(edge.to)].push_back(edge.from);
    }
    for (const int32_t node : schedule.order) {
      if (graph.nodes[static_cast<size_t>(node)].kind != NodeKind::kAsync) continue;
      place_[static_cast<size_t>(node)] = collectives_++;
    }
    values_.resize(graph.nodes.size());
  }

  void begin_run() { first_ticket_ = group_.reserve(collectives_); }
  int64_t value(int node) const { return values_[static_cast<size_t>(node)]; }

  void run(int node, int) override { values_[static_cast<size_t>(node)] = sum_before(node); }

  void start(int node, int, Completion done) override {
    int64_t& value = values_[static_cast<size_t>(node)];
    value = (group_.rank() + 1) * sum_before(node);
    group_.start({.dtype = DType::kInt64,
                  .data = &value,
                  .count = 1,
                  .ticket = first_ticket_ + place_[static_cast<size_t>(node)],
                  .name = "sum"},
                 done);
  }

  int64_t sum_before(int node) const {
    int64_t sum = node + 1;
    for (const int other : before_[static_cast<size_t>(node)]) {
      sum += values_[static_cast<size_t>(other)] % kModulus;
    }
    return sum;
  }

 private:
  Group& group_;
  std::vector<std::vector<int>> before_;
  std::vector<uint64_t> place_;
  std::vector<int64_t> values_;
  uint64_t collectives_ = 0;
  uint64_t first_ticket_ = 0;
};

/// What each node has in the end, one after the other.
std::vector<int64_t> expected_values(const headrace::testing::TestGraph& graph, int ranks) {
  std::vector<int64_t> values(graph.nodes.size());
  for (size_t node = 0; node < values.size(); ++node) {
    values[node] = static_cast<int64_t>(node) + 1;
    for (const ScheduleEdge& edge : graph.edges) {
      if (edge.to != static_cast<int>(node)) continue;
      values[node] += values[static_cast<size_t>(edge.from)] % kModulus;
    }
    if (graph.nodes[node].kind == NodeKind::kAsync) values[node] *= ranks * (ranks + 1) / 2;
  }
  return values;
}

TEST(TicketOrder, RanksAgreeWhateverTheirExecutorsMakeReadyFirst) {
  constexpr int kRanks = 3;
  constexpr int kRuns = 125;  // for each number of collectives at once: 1,000 together
  std::mt19937_64 random(7);
  for (int concurrent = 1; concurrent <= 8; ++concurrent) {
    const auto graph =
        headrace::testing::random_graph({.nodes = 30, .edges_per_node = 1.2, .async = 0.5}, random);
    const headrace::Schedule schedule = build_schedule(graph.nodes, graph.edges);
    const auto expected = expected_values(graph, kRanks);
    Groups groups = make_inproc_groups(kRanks, {.concurrent = concurrent});
    const int threads = concurrent + 1;
    ThreadPool pool({.threads = threads});
    const auto errors = on_all_ranks(groups, [&](Group& group) {
      Executor executor(schedule, pool, {.width = threads});
      Summing runner(graph, schedule, group);
      for (int run = 0; run < kRuns; ++run) {
        runner.begin_run();
        const auto seed = static_cast<uint64_t>(run * kRanks + group.rank() + 1);
        executor.execute(runner, {.shuffle_seed = seed});
        for (size_t node = 0; node < expected.size(); ++node) {
          ASSERT_EQ(runner.value(static_cast<int>(node)), expected[node]) << "node " << node;
        }
      }
    });
    for (const auto& error : errors) ASSERT_EQ(error, "") << concurrent << " at once";
  }
}

/// Two collectives of different length, one after the other, on rank 1 the other way round.
std::vector<std::string> reversed_on_one_rank(bool tickets) {
  Groups groups = make_inproc_groups(2, {.concurrent = 1, .timeout = tickets ? 0.3 : 30});
  return on_all_ranks(groups, [&](Group& group) {
    const uint64_t first = group.reserve(2);
    std::vector<float> data(2, 1);
    for (const uint64_t i : {uint64_t{0}, uint64_t{1}}) {
      const uint64_t which = group.rank() == 0 ? i : 1 - i;
      group.run({.data = data.data(),
                 .count = which + 1,
                 .ticket = first + (tickets ? which : i),
                 .name = which == 0 ? "early" : "late"});
    }
  });
}

// Nobody hangs, and nobody adds up what does not belong together.
TEST(TicketOrder, WithoutTicketsAReversedOrderIsFound) {
  for (const std::string& error : reversed_on_one_rank(/*tickets=*/false)) {
    EXPECT_THAT(error, AnyOf(HasSubstr("'early'"), HasSubstr("'late'")));
    EXPECT_THAT(error, HasSubstr("2 float32"));
  }
}

// A rank that waits for the later one before it starts the earlier one waits for itself.
TEST(TicketOrder, AWaitAgainstTheOrderEndsAtTheDeadline) {
  for (const std::string& error : reversed_on_one_rank(/*tickets=*/true)) {
    // Whichever rank's deadline comes first: that, and what it waits for.
    EXPECT_THAT(error, HasSubstr("0.3 s"));
    EXPECT_THAT(error, AnyOf(HasSubstr("'early'"), HasSubstr("'late'")));
    EXPECT_THAT(error, AnyOf(HasSubstr("waits for its turn"), HasSubstr("was never started")));
  }
}

}  // namespace
}  // namespace headrace::comm
