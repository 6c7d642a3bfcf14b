#include "graph/memory.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "core/allocator.h"
#include "core/error.h"

namespace headrace::graph {
namespace {

struct RandomProblem {
  int nodes;
  std::vector<std::pair<int, int>> edges;
  std::vector<Lifetime> lifetimes;
};

/// A random DAG whose values are written by one node and read by successors of it.
RandomProblem random_problem(uint32_t seed) {
  std::mt19937 random(seed);
  auto below = [&](int bound) { return static_cast<int>(random() % static_cast<uint32_t>(bound)); };
  RandomProblem problem{.nodes = 2 + below(60)};
  for (int to = 1; to < problem.nodes; ++to) {
    for (int k = below(4); k > 0; --k) problem.edges.emplace_back(below(to), to);
  }
  for (int node = 0; node < problem.nodes; ++node) {
    Lifetime life{.bytes = static_cast<size_t>(below(3) == 0 ? below(10'000) : below(200))};
    life.users.push_back(node);
    for (auto [from, to] : problem.edges) {
      if (from == node && below(2) == 0) life.users.push_back(to);
    }
    std::ranges::sort(life.users);
    life.users.erase(std::ranges::unique(life.users).begin(), life.users.end());
    problem.lifetimes.push_back(life);
  }
  return problem;
}

/// Reachability by depth-first search, one pair at a time.
bool has_path(const RandomProblem& problem, int from, int to) {
  for (auto [a, b] : problem.edges) {
    if (a == from && (b == to || has_path(problem, b, to))) return true;
  }
  return false;
}

TEST(Reachability, AgreesWithDepthFirstSearch) {
  for (uint32_t seed = 0; seed < 30; ++seed) {
    RandomProblem problem = random_problem(seed);
    problem.nodes = std::min(problem.nodes, 12);
    std::erase_if(problem.edges, [&](auto edge) { return edge.second >= problem.nodes; });
    const Reachability order(problem.nodes, problem.edges);
    for (int a = 0; a < problem.nodes; ++a) {
      for (int b = 0; b < problem.nodes; ++b) {
        EXPECT_EQ(order.reaches(a, b), has_path(problem, a, b)) << seed << ": " << a << ", " << b;
      }
    }
  }
}

TEST(Memory, NothingThatMayBeAliveTogetherOverlaps) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    const RandomProblem problem = random_problem(seed);
    const Reachability order(problem.nodes, problem.edges);
    const Placement placement = place(problem.lifetimes, order);
    ASSERT_NO_THROW(check_placement(problem.lifetimes, order, placement)) << "seed " << seed;
    EXPECT_LE(placement.bytes, placement.total) << "seed " << seed;
    for (size_t offset : placement.offsets) EXPECT_EQ(offset % kAlignment, 0u) << "seed " << seed;
  }
}

TEST(Memory, ASerialOrderComesCloseToItsBound) {
  size_t planned = 0;
  size_t bound = 0;
  for (uint32_t seed = 0; seed < 100; ++seed) {
    RandomProblem problem = random_problem(seed);
    for (int node = 1; node < problem.nodes; ++node) problem.edges.emplace_back(node - 1, node);
    const Reachability order(problem.nodes, problem.edges);
    const Placement placement = place(problem.lifetimes, order);
    EXPECT_GE(placement.bytes, placement.serial_bound) << "seed " << seed;
    planned += placement.bytes;
    bound += placement.serial_bound;
  }
  EXPECT_LE(static_cast<double>(planned), 1.1 * static_cast<double>(bound));
}

TEST(Memory, TheCheckerSeesAnOverlap) {
  const std::vector<std::pair<int, int>> edges = {{0, 1}, {0, 2}};
  const Reachability order(3, edges);
  const std::vector<Lifetime> lifetimes = {{64, {1}}, {64, {2}}};  // not ordered with each other
  Placement placement = place(lifetimes, order);
  EXPECT_NO_THROW(check_placement(lifetimes, order, placement));
  placement.offsets = {0, 0};
  EXPECT_THROW(check_placement(lifetimes, order, placement), Error);
}

TEST(Memory, ValuesOfParallelBranchesDoNotShare) {
  // 0 feeds the branches 1-2 and 3-4, which 5 joins.
  const std::vector<std::pair<int, int>> edges = {{0, 1}, {1, 2}, {0, 3}, {3, 4}, {2, 5}, {4, 5}};
  const Reachability order(6, edges);
  const Lifetime left{100, {1, 2}};
  const Lifetime right{100, {3, 4}};
  EXPECT_FALSE(is_before(left, right, order));
  EXPECT_FALSE(is_before(right, left, order));
  EXPECT_EQ(place(std::vector<Lifetime>{left, right}, order).bytes, 2 * align_up(100));
}

}  // namespace
}  // namespace headrace::graph
