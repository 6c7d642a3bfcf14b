// Random graphs on every number of threads, with errors, cancellation, asynchronous and blocking
// nodes. Every failure prints the seed; HEADRACE_TEST_SEED=N runs that one alone.
#include <array>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/thread_pool.h"
#include "tests/graph/executor_check.h"

namespace headrace {
namespace {

using testing::CheckingRunner;
using testing::ForeignThreads;
using testing::random_graph;
using testing::TestGraph;
using testing::TestGraphOptions;

constexpr int kMaxThreads = 8;

ThreadPool& pool_of_eight() {
  static ThreadPool pool({.threads = kMaxThreads});
  return pool;
}

/// One seed: a graph and the ways to run it.
struct Case {
  explicit Case(std::uint64_t seed) : random(seed) {
    const auto pick = [&](auto... choices) {
      const std::array all = {choices...};
      return all[random() % all.size()];
    };
    const bool foreign = pick(false, true, true);
    graph = random_graph({.nodes = pick(0, 1, 2, 10, 100, 400),
                          .edges_per_node = pick(0.0, 0.5, 1.2, 3.0),
                          .async = foreign ? pick(0.0, 0.1, 0.5) : 0,
                          .blocking = foreign ? pick(0.0, 0.05) : 0,
                          .issued = pick(0.0, 0.5)},
                         random);
    schedule = build_schedule(graph.nodes, graph.edges);
    width = pick(1, 2, 4, kMaxThreads);
    serial = pick(false, false, false, true);
    shuffle = pick(std::uint64_t{0}, seed + 1);
    dawdle = pick(0, 0, 3, 10);
  }

  /// What nodes do besides: now and then let the other threads go first.
  std::function<void(int)> action() const {
    if (dawdle == 0) return nullptr;
    return [this](int node) {
      if (node % dawdle == 0) std::this_thread::yield();
    };
  }

  std::string to_string(std::uint64_t seed) const {
    return fmt::format("seed {}: {} nodes, {} edges, {} threads{}{}", seed, graph.nodes.size(),
                       graph.edges.size(), width, serial ? ", serial" : "",
                       shuffle != 0 ? ", shuffled" : "");
  }

  std::mt19937_64 random;
  TestGraph graph;
  Schedule schedule;
  int width;
  bool serial;
  std::uint64_t shuffle;
  int dawdle;  // one node in so many yields; 0: none
};

/// Calls test(case) for `count` seeds.
template <typename Test>
void for_seeds(std::uint64_t first, int count, Test test) {
  const char* const only = std::getenv("HEADRACE_TEST_SEED");
  for (int i = 0; i < (only == nullptr ? count : 1); ++i) {
    const std::uint64_t seed =
        only == nullptr ? first + static_cast<std::uint64_t>(i) : std::strtoull(only, nullptr, 10);
    Case one(seed);
    SCOPED_TRACE(one.to_string(seed));
    test(one);
    if (::testing::Test::HasFailure()) return;
  }
}

/// Threads a run can have nodes on: those that compute, and the blocking service's.
constexpr int kNodesInFlight = kMaxThreads + 16;

TEST(ExecutorStress, EveryNodeOnceAndAfterItsPredecessors) {
  ForeignThreads foreign(2);
  for_seeds(10000, 1000, [&](Case& c) {
    CheckingRunner runner(c.graph, c.width, &foreign);
    runner.set_action(c.action());
    Executor executor(c.schedule, pool_of_eight(), {.width = c.width, .serial = c.serial});
    for (int repetition = 0; repetition < 3; ++repetition) {
      runner.reset();
      executor.execute(runner, {.shuffle_seed = c.shuffle});
      runner.expect_complete();
    }
  });
}

TEST(ExecutorStress, AnErrorEndsTheRunAndTheNextOneIsWhole) {
  ForeignThreads foreign(2);
  for_seeds(20000, 1000, [&](Case& c) {
    if (c.graph.nodes.empty()) return;
    CheckingRunner failing(c.graph, c.width, &foreign);
    CheckingRunner sound(c.graph, c.width, &foreign);
    failing.set_action(c.action());
    sound.set_action(c.action());
    const int failures = 1 + static_cast<int>(c.random() % 3);
    for (int i = 0; i < failures; ++i) {
      failing.set_failing(static_cast<int>(c.random() % c.graph.nodes.size()));
    }
    Executor executor(c.schedule, pool_of_eight(), {.width = c.width, .serial = c.serial});
    for (int repetition = 0; repetition < 2; ++repetition) {
      failing.reset();
      try {
        executor.execute(failing, {.shuffle_seed = c.shuffle});
        FAIL() << "the error of a node was lost";
      } catch (const Error& error) {
        const int node = std::stoi(error.message());
        EXPECT_TRUE(failing.fails(node) && failing.begun(node) == 1) << error.what();
      }
      failing.expect_ended(c.serial ? 1 : kNodesInFlight);
      sound.reset();
      executor.execute(sound);
      sound.expect_complete();
    }
  });
}

TEST(ExecutorStress, OnOneThreadNothingBeginsAfterTheFirstError) {
  for_seeds(30000, 300, [&](Case& c) {
    if (c.graph.nodes.empty() || c.schedule.has_foreign) return;
    CheckingRunner runner(c.graph, 1);
    for (std::size_t n = 0; n < c.graph.nodes.size(); n += 3)
      runner.set_failing(static_cast<int>(n));
    std::optional<int> first;
    runner.set_action([&](int node) {
      if (runner.fails(node)) {
        EXPECT_FALSE(first.has_value());
        first = node;
      }
    });
    Executor executor(c.schedule, pool_of_eight(), {.width = 1, .serial = c.serial});
    try {
      executor.execute(runner);
      FAIL() << "the error of a node was lost";
    } catch (const Error& error) {
      EXPECT_EQ(error.message(), std::to_string(first.value()));
    }
    runner.expect_ended(0);
  });
}

TEST(ExecutorStress, CancelledFromAnyThreadAtAnyTime) {
  ForeignThreads foreign(2);
  ForeignThreads cancellers(2);
  for_seeds(40000, 1000, [&](Case& c) {
    CheckingRunner runner(c.graph, c.width, &foreign);
    runner.set_action(c.action());
    Executor executor(c.schedule, pool_of_eight(), {.width = c.width, .serial = c.serial});
    EXPECT_FALSE(executor.cancel()) << "nothing was running";
    for (int repetition = 0; repetition < 3; ++repetition) {
      runner.reset();
      std::atomic<int> cancelled{-1};
      const auto delay = c.random() % 200;
      cancellers.post([&, delay] {
        for (std::uint64_t i = 0; i < delay; ++i)
          std::atomic_signal_fence(std::memory_order_seq_cst);
        cancelled = executor.cancel() ? 1 : 0;
      });
      bool ended_early = false;
      try {
        executor.execute(runner, {.shuffle_seed = c.shuffle});
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kCancelled);
        ended_early = true;
      }
      while (cancelled < 0) std::this_thread::yield();
      EXPECT_EQ(ended_early, cancelled == 1);
      if (ended_early) {
        runner.expect_ended(c.serial ? 1 : kNodesInFlight);
      } else {
        runner.expect_complete();
      }
    }
  });
}

TEST(ExecutorStress, SeveralRunsOfOneScheduleAtOnce) {
  ForeignThreads foreign(2);
  for_seeds(50000, 300, [&](Case& c) {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&, t] {
        CheckingRunner runner(c.graph, c.width, &foreign);
        runner.set_action(c.action());
        if (t == 2 && !c.graph.nodes.empty()) runner.set_failing(0);
        Executor executor(c.schedule, pool_of_eight(), {.width = c.width, .serial = c.serial});
        for (int repetition = 0; repetition < 5; ++repetition) {
          runner.reset();
          try {
            executor.execute(runner);
            runner.expect_complete();
          } catch (const Error& error) {
            EXPECT_EQ(error.message(), "0");
            runner.expect_ended(kNodesInFlight);
          }
        }
      });
    }
  });
}

TEST(ExecutorStress, NodesRunSchedulesAndParallelLoops) {
  ForeignThreads foreign(2);
  for_seeds(60000, 200, [&](Case& c) {
    std::mt19937_64 random(c.random());
    const TestGraph inner_graph =
        random_graph({.nodes = 40, .edges_per_node = 1.5, .async = 0.1, .blocking = 0.02}, random);
    const Schedule inner_schedule = build_schedule(inner_graph.nodes, inner_graph.edges);
    struct Inner {
      CheckingRunner runner;
      Executor executor;
    };
    std::map<int, std::unique_ptr<Inner>> inner;
    for (std::size_t n = 0; n < c.graph.nodes.size(); n += 7) {
      if (c.graph.nodes[n].kind != NodeKind::kInline) continue;
      inner.emplace(static_cast<int>(n),
                    new Inner{CheckingRunner(inner_graph, c.width, &foreign),
                              Executor(inner_schedule, pool_of_eight(), {.width = c.width})});
    }
    CheckingRunner runner(c.graph, c.width, &foreign);
    runner.set_action([&](int node) {
      const auto found = inner.find(node);
      if (found != inner.end()) {
        found->second->runner.reset();
        found->second->executor.execute(found->second->runner);
        found->second->runner.expect_complete();
      } else if (node % 7 == 1) {
        std::array<int, 20> parts{};
        parallel_for(20, [&](int part) { parts[part] += part; });
        for (int part = 0; part < 20; ++part) EXPECT_EQ(parts[part], part);
      } else if (node % 7 == 2) {
        pool_of_eight().run_at_width(1, [] { parallel_for(3, [](int) {}); });
      }
    });
    Executor executor(c.schedule, pool_of_eight(), {.width = c.width, .serial = c.serial});
    for (int repetition = 0; repetition < 2; ++repetition) {
      runner.reset();
      executor.execute(runner);
      runner.expect_complete();
    }
  });
}

}  // namespace
}  // namespace headrace
