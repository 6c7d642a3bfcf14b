// What a step costs besides its nodes: allocations and locks, counted by standing in front of the C
// library, and told apart by the library that asked.
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <map>
#include <new>
#include <string>

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include "graph/executor.h"
#include "tests/graph/executor_check.h"

// The sanitizers stand there themselves.
#ifndef HEADRACE_SANITIZED

namespace {

enum Event { kMalloc, kNew, kLock, kEvents };

constexpr int kMaxCallers = 4096;
std::atomic<bool> counting{false};
std::atomic<int> calls{0};
struct {
  Event event;
  void* caller;
} seen[kMaxCallers];

/// Notes one event without allocating.
void note(Event event, void* caller) {
  if (!counting.load(std::memory_order_relaxed)) return;
  const int index = calls.fetch_add(1);
  if (index < kMaxCallers) seen[index] = {event, caller};
}

}  // namespace

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) {
  note(kMalloc, __builtin_return_address(0));
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  note(kMalloc, __builtin_return_address(0));
  return __libc_calloc(count, size);
}
void* realloc(void* old, std::size_t size) {
  note(kMalloc, __builtin_return_address(0));
  return __libc_realloc(old, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  note(kMalloc, __builtin_return_address(0));
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** result, std::size_t alignment, std::size_t size) {
  note(kMalloc, __builtin_return_address(0));
  *result = __libc_memalign(alignment, size);
  return *result == nullptr ? ENOMEM : 0;
}
int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  note(kLock, __builtin_return_address(0));
  static const auto real =
      reinterpret_cast<int (*)(pthread_mutex_t*)>(dlsym(RTLD_NEXT, "pthread_mutex_lock"));
  return real(mutex);
}
}

void* operator new(std::size_t size) {
  note(kNew, __builtin_return_address(0));
  if (void* const memory = __libc_malloc(size)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  note(kNew, __builtin_return_address(0));
  if (void* const memory = __libc_memalign(static_cast<std::size_t>(alignment), size)) {
    return memory;
  }
  throw std::bad_alloc();
}
namespace {
// Out of line: the compiler would see what it takes for a mismatch of new and free.
[[gnu::noinline]] void release(void* memory) { std::free(memory); }
}  // namespace

void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }

namespace headrace {
namespace {

using testing::random_graph;
using testing::TestGraph;

/// Events of some steps, by "library event".
using Counts = std::map<std::string, int>;

template <typename Step>
Counts count(Step step) {
  calls = 0;
  counting = true;
  step();
  counting = false;
  const int total = calls;
  EXPECT_LE(total, kMaxCallers) << "some were not told apart";
  static const char* const names[kEvents] = {"malloc", "new", "lock"};
  Counts counts;
  for (int i = 0; i < std::min(total, kMaxCallers); ++i) {
    Dl_info info = {};
    const char* library = "?";
    if (dladdr(seen[i].caller, &info) != 0 && info.dli_fname != nullptr) {
      const char* const slash = std::strrchr(info.dli_fname, '/');
      library = slash == nullptr ? info.dli_fname : slash + 1;
    }
    ++counts[std::string(library) + " " + names[seen[i].event]];
  }
  return counts;
}

int of(const Counts& counts, std::string_view library) {
  int total = 0;
  for (const auto& [name, number] : counts) {
    if (name.find(library) != name.npos) total += number;
  }
  return total;
}

class NoOp : public NodeRunner {
 public:
  void run(int, int) override {}
  void start(int, int, Completion done) override { done(); }
};

constexpr int kSteps = 100;

Counts count_steps(int threads, double async, double cost_ns, TraceRecorder* trace = nullptr) {
  std::mt19937_64 random(1);
  TestGraph graph = random_graph({.nodes = 500, .edges_per_node = 2, .async = async}, random);
  for (ScheduleNode& node : graph.nodes) node.cost_ns = cost_ns;
  const Schedule schedule = build_schedule(graph.nodes, graph.edges);
  ThreadPool pool({.threads = threads});
  Executor executor(schedule, pool);
  NoOp runner;
  executor.execute(runner);  // whatever is made at first use
  return count([&] {
    for (int step = 0; step < kSteps; ++step) executor.execute(runner, {.trace = trace});
  });
}

TEST(ExecutorAllocation, TheCounterCounts) {
  static std::atomic<void*> escape;
  const Counts counts = count([] {
    escape = std::malloc(10);
    std::free(escape);
    escape = ::operator new(10);
    ::operator delete(escape);
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
  });
  EXPECT_EQ(of(counts, "malloc"), 1);
  EXPECT_EQ(of(counts, "new"), 1);
  EXPECT_EQ(of(counts, "lock"), 1);
}

TEST(ExecutorAllocation, AStepOnOneThreadNeitherAllocatesNorLocks) {
  TraceRecorder trace({.workers = 1});
  for (TraceRecorder* const traced : {static_cast<TraceRecorder*>(nullptr), &trace}) {
    for (const double async : {0.0, 0.2}) {
      EXPECT_EQ(count_steps(1, async, 1, traced), Counts());
    }
  }
}

TEST(ExecutorAllocation, OnTwoThreadsOnlyLibrariesDo) {
  TraceRecorder trace({.workers = 2});
  for (TraceRecorder* const traced : {static_cast<TraceRecorder*>(nullptr), &trace}) {
    for (const double async : {0.0, 0.2}) {
      for (const double cost_ns : {1.0, 1e5}) {  // nothing, and everything, is worth moving
        const Counts counts = count_steps(2, async, cost_ns, traced);
        EXPECT_EQ(of(counts, "headrace"), 0);
        EXPECT_EQ(of(counts, "test_graph"), 0);
        for (const auto& [name, number] : counts) {
          RecordProperty(name, number);
          std::printf("[ in %d steps ] %s: %d\n", kSteps, name.c_str(), number);
        }
      }
    }
  }
}

}  // namespace
}  // namespace headrace

#endif
