#include "graph/executor.h"

#include <atomic>
#include <chrono>
#include <ctime>
#include <functional>
#include <map>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/eventually.h"
#include "tests/support/expect_error.h"

namespace headrace {
namespace {

using testing::eventually;
using testing::expect_error;

/// Nodes are functions; those of asynchronous nodes get the completion.
class Functions : public NodeRunner {
 public:
  std::map<int, std::function<void()>> on_run;
  std::map<int, std::function<void(Completion)>> on_start;
  std::vector<int> order;  // of inline nodes, for runs on one thread
  bool keep_order = false;

  void run(int node, int) override {
    if (keep_order) order.push_back(node);
    if (const auto found = on_run.find(node); found != on_run.end()) found->second();
  }
  void start(int node, int worker, Completion done) override {
    if (const auto found = on_start.find(node); found != on_start.end()) {
      found->second(done);
    } else {
      NodeRunner::start(node, worker, done);
    }
  }
};

constexpr double kLong = 1e6;  // worth moving to another thread

Schedule schedule_of(const std::vector<ScheduleNode>& nodes,
                     const std::vector<ScheduleEdge>& edges) {
  return build_schedule(nodes, edges);
}

TEST(Executor, GoesOnWithTheSuccessorOfTheLongestPath) {
  //   0 -> 1 (cost 1), 0 -> 2 (50) -> 4 (1), 0 -> 3 (10)
  const Schedule schedule =
      schedule_of({{1}, {1}, {50}, {10}, {1}}, {{0, 1}, {0, 2}, {0, 3}, {2, 4}});
  ThreadPool pool({.threads = 1});
  Functions runner;
  runner.keep_order = true;
  Executor(schedule, pool).execute(runner);
  EXPECT_EQ(runner.order, (std::vector<int>{0, 2, 4, 3, 1}));
}

TEST(Executor, SerialRunsInTheOrderOfTheNet) {
  const Schedule schedule =
      schedule_of({{1}, {1}, {50}, {10}, {1}}, {{0, 1}, {0, 2}, {0, 3}, {2, 4}});
  ThreadPool pool({.threads = 2});
  Functions runner;
  runner.keep_order = true;
  Executor(schedule, pool, {.serial = true}).execute(runner);
  EXPECT_EQ(runner.order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST(Executor, RunsIndependentNodesSideBySide) {
  const Schedule schedule = schedule_of({{kLong}, {kLong}, {kLong}}, {});
  ThreadPool pool({.threads = 3});
  Functions runner;
  std::atomic<int> begun{0};
  std::atomic<bool> all{false};
  for (int node = 0; node < 3; ++node) {
    runner.on_run[node] = [&] {
      if (++begun == 3) all = true;
      EXPECT_TRUE(eventually([&] { return all.load(); }));
    };
  }
  Executor(schedule, pool).execute(runner);
}

TEST(Executor, NodesDoNotWaitBehindALongOne) {
  // The first to begin lasts until all others have run, on the one thread that is left.
  const Schedule schedule = schedule_of(std::vector<ScheduleNode>(8, {.cost_ns = kLong}), {});
  ThreadPool pool({.threads = 2});
  for (int round = 0; round < 50; ++round) {
    Functions runner;
    std::atomic<int> begun{0};
    std::atomic<int> ended{0};
    std::atomic<bool> others_ended{false};
    for (int node = 0; node < 8; ++node) {
      runner.on_run[node] = [&] {
        if (begun++ == 0) {
          EXPECT_TRUE(eventually([&] { return others_ended.load(); }));
        } else if (++ended == 7) {
          others_ended = true;
        }
      };
    }
    Executor(schedule, pool).execute(runner);
  }
}

TEST(Executor, ANodeThatBlocksTakesNoComputeThread) {
  // The blocking node waits for an inline one, on a single compute thread.
  const Schedule schedule = schedule_of({{1, NodeKind::kBlocking}, {1}, {1}}, {{0, 2}});
  ThreadPool pool({.threads = 1});
  Functions runner;
  std::atomic<bool> other_ran{false};
  runner.on_run[0] = [&] { EXPECT_TRUE(eventually([&] { return other_ran.load(); })); };
  runner.on_run[1] = [&] { other_ran = true; };
  Executor(schedule, pool).execute(runner);
}

TEST(Executor, BlockingNodesHaveNoWorkerNumber) {
  const Schedule schedule = schedule_of({{1, NodeKind::kBlocking}, {1}}, {{0, 1}});
  ThreadPool pool({.threads = 1});
  struct Workers : NodeRunner {
    void run(int node, int worker) override { workers[node] = worker; }
    int workers[2];
  } runner;
  Executor(schedule, pool).execute(runner);
  EXPECT_EQ(runner.workers[0], -1);
  EXPECT_EQ(runner.workers[1], 0);
}

TEST(Executor, WhatANodeFromOutsideReleasesNeedNotWaitForABusyThread) {
  // 0 is asynchronous, 2 follows it; 1 is busy until 2 has run.
  const Schedule schedule = schedule_of({{1, NodeKind::kAsync}, {kLong}, {1}}, {{0, 2}});
  ThreadPool pool({.threads = 2});
  for (int round = 0; round < 50; ++round) {
    Functions runner;
    std::jthread foreign;
    std::atomic<bool> busy{false};
    std::atomic<bool> released{false};
    runner.on_start[0] = [&](Completion done) {
      foreign = std::jthread([&busy, done] {
        EXPECT_TRUE(eventually([&] { return busy.load(); }));
        done();
      });
    };
    runner.on_run[1] = [&] {
      busy = true;
      EXPECT_TRUE(eventually([&] { return released.load(); }));
    };
    runner.on_run[2] = [&] { released = true; };
    Executor(schedule, pool).execute(runner);
  }
}

TEST(Executor, WaitsWithoutBurningTheCpu) {
  const Schedule schedule = schedule_of({{1, NodeKind::kAsync}}, {});
  for (const int threads : {1, 2}) {
    ThreadPool pool({.threads = threads});
    Functions runner;
    std::jthread foreign;
    runner.on_start[0] = [&](Completion done) {
      foreign = std::jthread([done] {
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
        done();
      });
    };
    const auto cpu_ms = [] {
      timespec time;
      clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
      return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
    };
    const double before = cpu_ms();
    Executor(schedule, pool).execute(runner);
    EXPECT_LT(cpu_ms() - before, 100);
  }
}

TEST(Executor, SuccessorsOfIssueDoNotWaitForTheEnd) {
  // 1 needs 0 started; 0 completes only once 1 has run.
  const Schedule schedule = schedule_of({{1, NodeKind::kAsync}, {1}}, {{0, 1, EdgeWait::kIssued}});
  ThreadPool pool({.threads = 1});
  Functions runner;
  Completion of_first;
  runner.on_start[0] = [&](Completion done) { of_first = done; };
  runner.on_run[1] = [&] { of_first(); };
  Executor(schedule, pool).execute(runner);
}

TEST(Executor, PassesOnWhateverANodeThrew) {
  const Schedule schedule = schedule_of({{1}, {1, NodeKind::kBlocking}}, {{0, 1}});
  ThreadPool pool({.threads = 1});
  for (const int node : {0, 1}) {
    Functions runner;
    runner.on_run[node] = [] { throw std::runtime_error("not ours"); };
    Executor executor(schedule, pool);
    EXPECT_THROW(executor.execute(runner), std::runtime_error);
  }
}

TEST(Executor, RefusesASecondRunAtTheSameTime) {
  const Schedule schedule = schedule_of({{1}}, {});
  ThreadPool pool({.threads = 1});
  Executor executor(schedule, pool);
  Functions runner;
  runner.on_run[0] = [&] {
    Functions inner;
    expect_error(ErrorCode::kState, "an executor each", [&] { executor.execute(inner); });
  };
  executor.execute(runner);
}

TEST(Executor, SaysWhenARunnerCannotStartAsynchronousNodes) {
  const Schedule schedule = schedule_of({{1, NodeKind::kAsync}}, {});
  ThreadPool pool({.threads = 1});
  Functions runner;
  expect_error(ErrorCode::kInternal, "node 0 is asynchronous",
               [&] { Executor(schedule, pool).execute(runner); });
}

TEST(Executor, ANodeCompletesOnce) {
  const Schedule schedule = schedule_of({{1, NodeKind::kAsync}}, {});
  ThreadPool pool({.threads = 1});
  Functions runner;
  runner.on_start[0] = [](Completion done) {
    done();
    expect_error(ErrorCode::kInternal, "completed twice", [&] { done(); });
  };
  Executor(schedule, pool).execute(runner);
}

TEST(Executor, AnErrorTellsTheRunnerSoThatItCanHurry) {
  const Schedule schedule = schedule_of({{1, NodeKind::kAsync}, {1}}, {});
  ThreadPool pool({.threads = 1});
  struct Runner : NodeRunner {
    void run(int, int) override { fail(ErrorCode::kNumeric, "broken"); }
    void start(int, int, Completion done) override { pending = done; }
    void on_abort() noexcept override { pending(); }
    Completion pending;
  } runner;
  // Without on_abort() this would wait for ever, or for a time-out of the node.
  expect_error(ErrorCode::kNumeric, [&] {
    Executor(schedule, pool, {.serial = false}).execute(runner, {.shuffle_seed = 0});
  });
}

TEST(ExecutorTrace, HoldsEveryNodeOnceInAnOrderTheGraphAllows) {
  std::vector<ScheduleNode> nodes(60, ScheduleNode{.cost_ns = kLong});
  std::vector<ScheduleEdge> edges;
  for (int n = 0; n < 58; ++n) edges.push_back({n, n + 2});
  nodes[10].kind = NodeKind::kAsync;
  nodes[20].kind = NodeKind::kBlocking;
  const Schedule schedule = schedule_of(nodes, edges);
  ThreadPool pool({.threads = 2});
  for (const bool serial : {false, true}) {
    for (const bool separate : {false, true}) {
      TraceRecorder trace({.workers = 2, .separate_stamps = separate});
      Functions runner;
      runner.on_start[10] = [](Completion done) { done(); };
      Executor executor(schedule, pool, {.serial = serial});
      executor.execute(runner, {.trace = &trace});
      ASSERT_EQ(trace.runs().size(), 1u);
      const TraceEvent run = trace.runs()[0];
      std::map<int, TraceEvent> events;
      for (int worker = 0; worker < 2; ++worker) {
        std::uint64_t last = 0;
        for (const TraceEvent& event : trace.worker(worker).events()) {
          EXPECT_TRUE(events.emplace(event.node, event).second);
          EXPECT_LE(event.begin, event.end);
          EXPECT_GE(event.begin, run.begin);
          EXPECT_LE(event.end, run.end);
          if (event.kind != TraceKind::kCompute) continue;
          EXPECT_GE(event.begin, last) << "a worker does one thing at a time";
          last = event.end;
        }
      }
      ASSERT_EQ(events.size(), 60u);
      EXPECT_EQ(events.at(10).kind, TraceKind::kAsync);
      EXPECT_EQ(events.at(20).kind, serial ? TraceKind::kCompute : TraceKind::kBlocking);
      for (const ScheduleEdge& edge : edges) {
        EXPECT_LE(events.at(edge.from).end, events.at(edge.to).end);
      }
    }
  }
}

TEST(ExecutorTrace, NeedsARingPerWorker) {
  const Schedule schedule = schedule_of({{1}}, {});
  ThreadPool pool({.threads = 2});
  Executor executor(schedule, pool);
  Functions runner;
  TraceRecorder small({.workers = 1});
  expect_error(ErrorCode::kInvalidArgument, "1 workers",
               [&] { executor.execute(runner, {.trace = &small}); });
  executor.execute(runner);  // and nothing is left behind
  EXPECT_TRUE(small.runs().empty());
}

TEST(ExecutorTrace, EndsWithTheRunWhenANodeFails) {
  const Schedule schedule = schedule_of({{1}, {1}}, {{0, 1}});
  ThreadPool pool({.threads = 1});
  TraceRecorder trace({});
  Functions runner;
  runner.on_run[0] = [] { fail(ErrorCode::kNumeric, "broken"); };
  Executor executor(schedule, pool);
  for (int round = 1; round <= 2; ++round) {
    expect_error(ErrorCode::kNumeric, [&] { executor.execute(runner, {.trace = &trace}); });
    EXPECT_EQ(trace.runs().size(), static_cast<std::size_t>(round));
  }
  for (const TraceEvent& event : trace.worker(0).events()) EXPECT_EQ(event.node, 0);
}

}  // namespace
}  // namespace headrace
