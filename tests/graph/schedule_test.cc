#include "graph/schedule.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace headrace {
namespace {

using testing::expect_error;

using Pair = std::pair<int, int>;
using Pairs = std::set<Pair>;

std::vector<ScheduleNode> nodes_of_cost(int count, double cost_ns) {
  return std::vector<ScheduleNode>(static_cast<std::size_t>(count),
                                   ScheduleNode{.cost_ns = cost_ns});
}

Schedule schedule_of(int count, const std::vector<ScheduleEdge>& edges) {
  return build_schedule(nodes_of_cost(count, 1), edges);
}

/// Edges that are left, by what they wait for.
std::map<EdgeWait, Pairs> edges_of(const Schedule& schedule) {
  std::map<EdgeWait, Pairs> edges;
  for (int n = 0; n < schedule.node_count(); ++n) {
    for (std::uint32_t i = schedule.begin[n]; i < schedule.begin[n + 1]; ++i) {
      const EdgeWait wait = i < schedule.done_begin[n] ? EdgeWait::kIssued : EdgeWait::kDone;
      edges[wait].emplace(n, schedule.target(schedule.successors[i]));
    }
  }
  return edges;
}

TEST(Schedule, OfNothing) {
  const Schedule schedule = schedule_of(0, {});
  EXPECT_EQ(schedule.node_count(), 0);
  EXPECT_TRUE(schedule.roots.empty());
  EXPECT_EQ(schedule.critical_path_ns, 0);
}

TEST(Schedule, DropsEdgesThatOthersImply) {
  const Schedule schedule =
      schedule_of(5, {{0, 1}, {1, 2}, {0, 2}, {0, 2}, {2, 3}, {0, 3}, {1, 3}, {0, 4}});
  EXPECT_EQ(edges_of(schedule)[EdgeWait::kDone], (Pairs{{0, 1}, {1, 2}, {2, 3}, {0, 4}}));
  EXPECT_EQ(schedule.roots, (std::vector<int>{0}));
}

TEST(Schedule, AnEdgeThatWaitsForTheEndIsOnlyImpliedByOneThatDoes) {
  std::vector<ScheduleNode> nodes = nodes_of_cost(3, 1);
  nodes[0].kind = nodes[1].kind = NodeKind::kAsync;
  const auto left = [&](EdgeWait first, EdgeWait direct) {
    const std::vector<ScheduleEdge> edges = {{0, 1, first}, {1, 2}, {0, 2, direct}};
    return edges_of(build_schedule(nodes, edges));
  };
  using enum EdgeWait;
  // 2 starts after 1 has started, so after 0 was issued; whether 0 is done is another question.
  EXPECT_EQ(left(kIssued, kDone)[kDone], (Pairs{{0, 2}, {1, 2}}));
  EXPECT_EQ(left(kIssued, kIssued)[kIssued], (Pairs{{0, 1}}));
  EXPECT_EQ(left(kDone, kDone)[kDone], (Pairs{{0, 1}, {1, 2}}));
  EXPECT_TRUE(left(kDone, kIssued)[kIssued].empty());
}

TEST(Schedule, TheStricterOfTwoEqualEdgesCounts) {
  std::vector<ScheduleNode> nodes = nodes_of_cost(2, 1);
  nodes[0].kind = NodeKind::kAsync;
  for (const bool swapped : {false, true}) {
    std::vector<ScheduleEdge> edges = {{0, 1, EdgeWait::kIssued}, {0, 1, EdgeWait::kDone}};
    if (swapped) std::swap(edges[0], edges[1]);
    auto left = edges_of(build_schedule(nodes, edges));
    EXPECT_EQ(left[EdgeWait::kDone], (Pairs{{0, 1}}));
    EXPECT_TRUE(left[EdgeWait::kIssued].empty());
  }
}

/// Reachability by Warshall's algorithm, as an independent reference.
std::vector<std::vector<bool>> reachable(int count, const Pairs& edges) {
  std::vector<std::vector<bool>> reach(count, std::vector<bool>(count, false));
  for (const auto& [from, to] : edges) reach[from][to] = true;
  for (int via = 0; via < count; ++via) {
    for (int from = 0; from < count; ++from) {
      if (!reach[from][via]) continue;
      for (int to = 0; to < count; ++to) {
        if (reach[via][to]) reach[from][to] = true;
      }
    }
  }
  return reach;
}

TEST(Schedule, RandomGraphsKeepTheirOrderWithTheFewestEdges) {
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round) {
    const int count = static_cast<int>(random() % 60) + 2;
    // Numbers in no particular order: node i stands at place[i] of a hidden order.
    std::vector<int> place(static_cast<std::size_t>(count));
    std::iota(place.begin(), place.end(), 0);
    std::ranges::shuffle(place, random);
    Pairs pairs;
    std::vector<ScheduleEdge> edges;
    for (int e = 0; e < 3 * count; ++e) {
      const int a = static_cast<int>(random() % count);
      const int b = static_cast<int>(random() % count);
      if (place[a] >= place[b]) continue;
      pairs.emplace(a, b);
      edges.push_back({a, b});
    }
    const Schedule schedule = schedule_of(count, edges);
    const Pairs left = edges_of(schedule)[EdgeWait::kDone];
    const auto before = reachable(count, pairs);
    EXPECT_EQ(reachable(count, left), before);
    for (const Pair& edge : left) {  // none of them can be spared
      Pairs others = left;
      others.erase(edge);
      EXPECT_FALSE(reachable(count, others)[edge.first][edge.second]);
    }
    // The order is a topological one.
    std::vector<int> at(static_cast<std::size_t>(count), -1);
    for (int i = 0; i < count; ++i) at[schedule.order[i]] = i;
    for (const auto& [from, to] : pairs) EXPECT_LT(at[from], at[to]);
    // A counter stands at the number of edges that lower it, and each node has the ones it needs.
    std::vector<int> counters = schedule.counters;
    std::set<int> ready(schedule.roots.begin(), schedule.roots.end());
    for (const Schedule::Successor successor : schedule.successors) {
      if (successor.only_predecessor()) {
        EXPECT_TRUE(ready.insert(successor.index()).second);
      } else if (--counters[successor.index()] == 0) {
        EXPECT_TRUE(ready.insert(schedule.target(successor)).second);
      }
    }
    EXPECT_EQ(static_cast<int>(ready.size()), count);
  }
}

TEST(Schedule, ReducesAcrossTheStripsOfALargeGraph) {
  // More nodes than one strip of the reduction has: a chain, and shortcuts over any distance.
  const int count = 9000;
  std::vector<ScheduleEdge> edges;
  for (int n = 1; n < count; ++n) edges.push_back({n - 1, n});
  std::mt19937 random(1);
  for (int i = 0; i < 3000; ++i) {
    const int to = 2 + static_cast<int>(random() % (count - 2));
    edges.push_back({static_cast<int>(random() % (to - 1)), to});
  }
  EXPECT_EQ(schedule_of(count, edges).edge_count(), count - 1);
}

TEST(Schedule, KeepsTheOrderOfTheNetWhereEdgesAllow) {
  EXPECT_EQ(schedule_of(5, {{0, 4}, {1, 3}}).order, (std::vector<int>{0, 1, 2, 3, 4}));
  EXPECT_EQ(schedule_of(4, {{3, 0}, {3, 1}}).order, (std::vector<int>{2, 3, 0, 1}));
}

TEST(Schedule, TheLastSuccessorIsOnTheLongestPath) {
  //     -> 1 -> 4 (10)
  //   0 -> 2 (5)
  //     -> 3 (30)
  std::vector<ScheduleNode> nodes = nodes_of_cost(5, 1);
  nodes[2].cost_ns = 5;
  nodes[3].cost_ns = 30;
  nodes[4].cost_ns = 10;
  const std::vector<ScheduleEdge> edges = {{0, 1}, {0, 2}, {0, 3}, {1, 4}};
  const Schedule schedule = build_schedule(nodes, edges);
  EXPECT_EQ(schedule.upward_rank, (std::vector<double>{31, 11, 5, 30, 10}));
  EXPECT_EQ(schedule.critical_path_ns, 31);
  EXPECT_EQ(schedule.total_ns, 47);
  std::vector<int> order;
  for (std::uint32_t i = schedule.begin[0]; i < schedule.begin[1]; ++i) {
    order.push_back(schedule.target(schedule.successors[i]));
  }
  EXPECT_EQ(order, (std::vector<int>{2, 1, 3}));
}

// A backward pass: 0 -> 2 -> 4 hands gradients down, 1, 3 and 5 are those of weights, 6, 7 and 8
// add them up over ranks.
TEST(Schedule, WhatCompletesAnEarlierCollectiveComesBeforeTheLongestPath) {
  const std::vector<ScheduleEdge> edges{{0, 1}, {0, 2}, {2, 3}, {2, 4},
                                        {4, 5}, {1, 6}, {3, 7}, {5, 8}};
  const auto best_after = [&](int node, bool collectives) {
    std::vector<ScheduleNode> nodes = nodes_of_cost(9, 10);
    for (std::size_t i : {6, 7, 8}) nodes[i] = {1, NodeKind::kAsync, collectives};
    const Schedule schedule = build_schedule(nodes, edges);
    return schedule.target(
        schedule.successors[schedule.begin[static_cast<std::size_t>(node) + 1] - 1]);
  };
  EXPECT_EQ(best_after(0, true), 1);
  EXPECT_EQ(best_after(2, true), 3);
  EXPECT_EQ(best_after(0, false), 2);
  EXPECT_EQ(best_after(2, false), 4);
}

TEST(Schedule, ChainsAreThePathsWithoutForksAndJoins) {
  // 0 -> 1 -> 2 -> {3, 4} -> 5 -> 6
  const Schedule schedule =
      schedule_of(7, {{0, 1}, {1, 2}, {2, 3}, {2, 4}, {3, 5}, {4, 5}, {5, 6}});
  EXPECT_EQ(schedule.chain_count, 4);
  EXPECT_EQ(schedule.chain[0], schedule.chain[1]);
  EXPECT_EQ(schedule.chain[1], schedule.chain[2]);
  EXPECT_EQ(schedule.chain[5], schedule.chain[6]);
  EXPECT_EQ(std::set<int>(schedule.chain.begin(), schedule.chain.end()).size(), 4u);
}

TEST(Schedule, NamesTheNodesOfACycle) {
  const std::vector<ScheduleNode> nodes = nodes_of_cost(6, 1);
  const std::vector<ScheduleEdge> edges = {{0, 1}, {1, 3}, {3, 2}, {2, 1}, {3, 4}, {4, 5}};
  const auto name = [](int node) { return "op" + std::to_string(node); };
  const std::string text =
      expect_error(ErrorCode::kInvalidNet, [&] { build_schedule(nodes, edges, name); });
  EXPECT_NE(text.find("op1 -> op3 -> op2 -> op1"), text.npos) << text;
  expect_error(ErrorCode::kInvalidNet, "0 -> 0", [] { schedule_of(1, {{0, 0}}); });
}

TEST(Schedule, RefusesWhatIsNoGraph) {
  expect_error(ErrorCode::kInvalidArgument, "0 -> 2", [] { schedule_of(2, {{0, 2}}); });
  expect_error(ErrorCode::kInvalidArgument, "-1 -> 0", [] { schedule_of(2, {{-1, 0}}); });
  for (const double cost :
       {-1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    expect_error(ErrorCode::kInvalidArgument, "finite",
                 [&] { build_schedule(nodes_of_cost(1, cost), {}); });
  }
}

TEST(Schedule, ANodeWithManyPredecessorsCountsThemInGroups) {
  const int inputs = 1000;
  std::vector<ScheduleEdge> edges;
  for (int n = 0; n < inputs; ++n) edges.push_back({n, inputs});
  const Schedule schedule = schedule_of(inputs + 1, edges);
  std::map<int, int> edges_per_counter;
  for (const Schedule::Successor successor : schedule.successors) {
    EXPECT_EQ(schedule.target(successor), inputs);
    ++edges_per_counter[successor.index()];
  }
  EXPECT_GT(edges_per_counter.size(), 8u);
  for (const auto& [counter, count] : edges_per_counter) {
    EXPECT_EQ(schedule.counters[counter], count);
  }
}

}  // namespace
}  // namespace headrace
