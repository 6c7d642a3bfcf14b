#include "core/thread_pool.h"

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <tbb/task_arena.h>

#include "tests/support/eventually.h"
#include "tests/support/expect_error.h"

namespace headrace {
namespace {

using testing::eventually;
using testing::expect_error;

int cpus_allowed() {
  cpu_set_t mask;
  EXPECT_EQ(pthread_getaffinity_np(pthread_self(), sizeof(mask), &mask), 0);
  return CPU_COUNT(&mask);
}

TEST(PartRange, CutsIntoNearlyEqualConsecutiveParts) {
  for (int n = 0; n < 40; ++n) {
    for (int parts = 1; parts < 12; ++parts) {
      int next = 0;
      for (int part = 0; part < parts; ++part) {
        const auto [begin, end] = part_range(n, parts, part);
        EXPECT_EQ(begin, next);
        EXPECT_GE(end - begin, n / parts);
        EXPECT_LE(end - begin, (n + parts - 1) / parts);
        next = end;
      }
      EXPECT_EQ(next, n);
    }
  }
  EXPECT_EQ(part_range(std::int64_t{10'000'000'000}, 4, 3),
            std::pair(std::int64_t{7'500'000'000}, std::int64_t{10'000'000'000}));
}

TEST(ThreadPool, HasAThreadPerCpuUnlessToldOtherwise) {
  EXPECT_EQ(ThreadPool().threads(), cpus_allowed());
  EXPECT_EQ(ThreadPool({.threads = 3}).threads(), 3);
  expect_error(ErrorCode::kInvalidArgument, [] { ThreadPool({.threads = -1}); });
  expect_error(ErrorCode::kInvalidArgument, "cannot be pinned",
               [] { ThreadPool({.threads = cpus_allowed() + 1, .pin = true}); });
}

TEST(ThreadPool, TheOneOfTheProcessIsConfiguredBeforeItsFirstUse) {
  ThreadPool::process();
  expect_error(ErrorCode::kState, "already in use", [] { ThreadPool::configure_process({}); });
}

TEST(ParallelFor, RunsEachPartOnce) {
  ThreadPool pool({.threads = 4});
  Crew crew(pool, 4);
  for (const int parts : {0, 1, 2, 4, 7, 100}) {
    std::vector<std::atomic<int>> runs(static_cast<std::size_t>(parts));
    crew.execute([&] { parallel_for(parts, [&](int part) { ++runs[part]; }); });
    for (const auto& count : runs) EXPECT_EQ(count, 1);
  }
}

TEST(ParallelFor, UsesTheThreadsOfTheCrew) {
  ThreadPool pool({.threads = 4});
  Crew crew(pool, 3);
  // Each part waits for the others: this ends only if three threads come.
  std::atomic<int> arrived{0};
  crew.execute([&] {
    parallel_for(3, [&](int) {
      ++arrived;
      EXPECT_TRUE(eventually([&] { return arrived == 3; }));
    });
  });
}

TEST(ParallelFor, PassesTheFirstExceptionOn) {
  ThreadPool pool({.threads = 2});
  Crew crew(pool, 2);
  EXPECT_THROW(crew.execute([] {
    parallel_for(8, [](int part) {
      if (part == 3) throw std::runtime_error("3");
    });
  }),
               std::runtime_error);
  expect_error(ErrorCode::kInvalidArgument, [] { parallel_for(-1, [](int) {}); });
}

// A thread that waits for the parts of its loop must not begin something else, which could take
// long or need what the thread holds.
TEST(ParallelFor, AWaitingThreadTakesNoOtherWork) {
  ThreadPool pool({.threads = 2});
  Crew crew(pool, 2);
  std::atomic<int> jobs{0};
  const Crew::Job job = {[](void* argument) { ++*static_cast<std::atomic<int>*>(argument); },
                         &jobs};
  crew.execute([&] {
    const std::thread::id caller = std::this_thread::get_id();
    for (int round = 1; round <= 20; ++round) {
      std::atomic<int> arrived{0};
      parallel_for(2, [&](int) {
        ++arrived;
        EXPECT_TRUE(eventually([&] { return arrived == 2; }));
        if (std::this_thread::get_id() == caller) return;  // and wait for the other part
        crew.invite_from_outside(job);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        EXPECT_EQ(jobs, round - 1);
      });
      EXPECT_TRUE(eventually([&] {
        crew.retire();
        return jobs == round;
      }));
    }
  });
}

TEST(ThreadPool, RunsAtTheWidthAskedFor) {
  ThreadPool pool({.threads = 3});
  const auto width_inside = [&](int width) {
    int seen = 0;
    pool.run_at_width(width, [&] { seen = tbb::this_task_arena::max_concurrency(); });
    return seen;
  };
  Crew crew(pool, 3);
  for (int width = 1; width <= 5; ++width) {  // also more than the pool has
    EXPECT_EQ(width_inside(width), width) << "outside of a crew";
    crew.execute([&] { EXPECT_EQ(width_inside(width), width) << "in a crew of three"; });
  }
  expect_error(ErrorCode::kInvalidArgument, "found 0", [&] { pool.run_at_width(0, [] {}); });
}

TEST(ThreadPool, AKernelFindsThePoolItRunsIn) {
  ThreadPool pool({.threads = 2});
  Crew crew(pool, 2);
  const auto width_inside = [](int width) {
    int seen = 0;
    run_at_width(width, [&] { seen = tbb::this_task_arena::max_concurrency(); });
    return seen;
  };
  EXPECT_EQ(width_inside(1), 1);
  crew.execute([&] {
    for (const int width : {1, 2, 4}) EXPECT_EQ(width_inside(width), width);
  });
}

TEST(ThreadPool, AnyNumberOfThreadsRunAtAWidthAtOnce) {
  ThreadPool pool({.threads = 2});
  constexpr int kThreads = 12;  // more than the crews that are kept
  std::atomic<int> inside{0};
  std::vector<std::jthread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      pool.run_at_width(1, [&] {
        ++inside;
        EXPECT_TRUE(eventually([&] { return inside == kThreads; }));
      });
    });
  }
}

TEST(Crew, WorkersHaveNumbersOfTheirOwn) {
  ThreadPool pool({.threads = 4});
  Crew crew(pool, 4);
  std::mutex mutex;
  std::multiset<int> workers;
  crew.execute([&] {
    EXPECT_EQ(Crew::worker(), 0);
    parallel_for(4, [&](int) {
      {
        const std::lock_guard lock(mutex);
        workers.insert(Crew::worker());
      }
      EXPECT_TRUE(eventually([&] {
        const std::lock_guard lock(mutex);
        return workers.size() == 4;
      }));
    });
  });
  EXPECT_EQ(workers, (std::multiset{0, 1, 2, 3}));
}

TEST(Crew, WaitsForWhoeverOpens) {
  ThreadPool pool({.threads = 2});
  for (const int width : {1, 2}) {
    Crew crew(pool, width);
    EXPECT_FALSE(crew.open()) << "nobody was waiting";
    std::atomic<bool> armed{false};
    std::atomic<bool> opened{false};
    std::jthread other([&] {
      for (int i = 0; i < 100; ++i) {
        while (!armed.exchange(false)) std::this_thread::yield();
        opened = true;
        EXPECT_TRUE(crew.open());
      }
    });
    crew.execute([&] {
      for (int i = 0; i < 100; ++i) {
        crew.arm();
        armed = true;
        crew.wait();
        EXPECT_TRUE(opened.exchange(false));
      }
      crew.arm();
      crew.disarm();
      EXPECT_FALSE(crew.open());
    });
  }
}

TEST(Crew, RunsJobsFromInsideAndOutside) {
  ThreadPool pool({.threads = 2});
  Crew crew(pool, 2);
  std::atomic<int> count{0};
  const Crew::Job job = {[](void* argument) { ++*static_cast<std::atomic<int>*>(argument); },
                         &count};
  crew.execute([&] {
    std::jthread outside([&] {
      for (int i = 0; i < 50; ++i) crew.invite_from_outside(job);
    });
    for (int i = 0; i < 50; ++i) crew.invite(job);
    outside.join();
    crew.retire();
  });
  EXPECT_EQ(count, 100);
}

std::set<int> cpus_of_this_thread() {
  cpu_set_t mask;
  EXPECT_EQ(pthread_getaffinity_np(pthread_self(), sizeof(mask), &mask), 0);
  std::set<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &mask)) cpus.insert(cpu);
  }
  return cpus;
}

TEST(ThreadPool, PinsEachThreadToACpuAndLetsGoAgain) {
  const std::set<int> before = cpus_of_this_thread();
  if (before.size() < 2) GTEST_SKIP() << "one CPU";
  const auto cpus_of_two = [](ThreadPool& pool) {
    Crew crew(pool, 2);
    std::mutex mutex;
    std::vector<std::set<int>> seen;
    crew.execute([&] {
      parallel_for(2, [&](int) {
        {
          const std::lock_guard lock(mutex);
          seen.push_back(cpus_of_this_thread());
        }
        EXPECT_TRUE(eventually([&] {
          const std::lock_guard lock(mutex);
          return seen.size() == 2;
        }));
      });
    });
    return seen;
  };
  {
    ThreadPool pinned({.threads = 2, .pin = true});
    const auto seen = cpus_of_two(pinned);
    EXPECT_EQ(seen[0].size(), 1u);
    EXPECT_EQ(seen[1].size(), 1u);
    EXPECT_NE(seen[0], seen[1]);
  }
  EXPECT_EQ(cpus_of_this_thread(), before);
  ThreadPool free({.threads = 2});
  for (const auto& cpus : cpus_of_two(free)) EXPECT_EQ(cpus, before);
}

}  // namespace
}  // namespace headrace
