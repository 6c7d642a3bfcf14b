#include "core/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <pthread.h>
#include <sched.h>
#include <tbb/global_control.h>
#include <tbb/info.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>
#include <tbb/task_scheduler_observer.h>

#include "core/error.h"

namespace headrace {
namespace {

constexpr int kMaxThreads = 1024;

std::vector<int> cpus_of(const cpu_set_t& mask) {
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &mask)) cpus.push_back(cpu);
  }
  return cpus;
}

cpu_set_t affinity_of_this_thread() {
  cpu_set_t mask;
  const int failed = pthread_getaffinity_np(pthread_self(), sizeof(mask), &mask);
  require(failed == 0, ErrorCode::kInternal, "cannot read the CPU affinity of this thread: {}",
          std::strerror(failed));
  return mask;
}

void bind_this_thread(const cpu_set_t& mask) {
  const int failed = pthread_setaffinity_np(pthread_self(), sizeof(mask), &mask);
  require(failed == 0, ErrorCode::kState, "cannot bind a thread to its CPU: {}",
          std::strerror(failed));
}

cpu_set_t only(int cpu) {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  CPU_SET(cpu, &mask);
  return mask;
}

/// Set by the first pinned pool: from then on unpinned crews must let go of bound workers.
std::atomic<bool> any_pool_pinned{false};
std::atomic<std::uint64_t> pools_made{0};

void check_width(int width) {
  require(width >= 1 && width <= kMaxThreads, ErrorCode::kInvalidArgument,
          "a width must be 1 to {}, found {}", kMaxThreads, width);
}

/// The pool whose crew this thread works for just now.
thread_local ThreadPool* pool_of_this_thread = nullptr;

class Membership {
 public:
  explicit Membership(ThreadPool& pool) : before_(std::exchange(pool_of_this_thread, &pool)) {}
  ~Membership() { pool_of_this_thread = before_; }
  Membership(const Membership&) = delete;
  Membership& operator=(const Membership&) = delete;

 private:
  ThreadPool* before_;
};

std::mutex process_mutex;
ThreadPoolOptions process_options;
bool process_pool_made = false;

}  // namespace

struct ThreadPool::Impl {
  /// A crew for operators of one width, claimed by one caller at a time.
  struct Spare {
    Spare(ThreadPool& pool, int width) : crew(pool, width) {}
    Crew crew;
    std::atomic<bool> busy{false};
  };
  using Spares = std::vector<std::unique_ptr<Spare>>;

  explicit Impl(ThreadPoolOptions options)
      : initial_mask(affinity_of_this_thread()), cpus(cpus_of(initial_mask)), pin(options.pin) {
    require(options.threads >= 0 && options.threads <= kMaxThreads, ErrorCode::kInvalidArgument,
            "a thread pool has 1 to {} threads (0: one per CPU), not {}", kMaxThreads,
            options.threads);
    threads = options.threads == 0 ? static_cast<int>(cpus.size()) : options.threads;
    require(!pin || threads <= static_cast<int>(cpus.size()), ErrorCode::kInvalidArgument,
            "{} threads cannot be pinned: this process may use {} CPUs", threads, cpus.size());
    // oneTBB counts the CPUs at first use: before this thread is bound to one of them.
    const int workers_known = tbb::info::default_concurrency();
    // Such pools are made and destroyed while no other thread begins to use one: oneTBB 2021.8 then
    // reads this limit without a lock.
    if (pin || threads > workers_known) {
      limit.emplace(tbb::global_control::max_allowed_parallelism, threads);
    }
    if (pin) {
      any_pool_pinned = true;
      bind_this_thread(only(cpus[0]));
      owner = pthread_self();
    }
    by_width = std::vector<std::atomic<Spares*>>(kMaxThreads + 1);
  }

  ~Impl() {
    for (std::atomic<Spares*>& spares : by_width) delete spares.load();
    if (pin && pthread_equal(owner, pthread_self()) != 0) {
      pthread_setaffinity_np(owner, sizeof(initial_mask), &initial_mask);
    }
  }

  Spares& spares_of(ThreadPool& pool, int width) {
    Spares* known = by_width[width].load(std::memory_order_acquire);
    if (known != nullptr) return *known;
    auto made = std::make_unique<Spares>();
    for (int i = 0; i < 2 * threads; ++i) made->push_back(std::make_unique<Spare>(pool, width));
    if (by_width[width].compare_exchange_strong(known, made.get(), std::memory_order_acq_rel)) {
      return *made.release();
    }
    return *known;
  }

  /// Called in a callback of oneTBB, which must not throw: a failure waits for check_binding().
  void bind_worker() noexcept {
    cpu_set_t mask = initial_mask;
    if (pin && threads > 1) {
      const unsigned turn = workers_bound.fetch_add(1, std::memory_order_relaxed);
      mask = only(cpus[1 + turn % (threads - 1)]);
    }
    const int failed = pthread_setaffinity_np(pthread_self(), sizeof(mask), &mask);
    if (failed != 0) binding_failure.store(failed, std::memory_order_relaxed);
  }

  void check_binding() {
    const int failure = binding_failure.load(std::memory_order_relaxed);
    require(failure == 0, ErrorCode::kState, "cannot bind a worker to its CPU: {}",
            std::strerror(failure));
  }

  const std::uint64_t id = ++pools_made;
  const cpu_set_t initial_mask;
  const std::vector<int> cpus;
  const bool pin;
  int threads = 0;
  pthread_t owner = {};
  std::atomic<unsigned> workers_bound{0};
  std::atomic<int> binding_failure{0};
  std::optional<tbb::global_control> limit;
  std::vector<std::atomic<Spares*>> by_width;
};

ThreadPool::ThreadPool(ThreadPoolOptions options) : impl_(std::make_unique<Impl>(options)) {}
ThreadPool::~ThreadPool() = default;

ThreadPool& ThreadPool::process() {
  static ThreadPool pool([] {
    const std::lock_guard lock(process_mutex);
    process_pool_made = true;
    return process_options;
  }());
  return pool;
}

void ThreadPool::configure_process(ThreadPoolOptions options) {
  const std::lock_guard lock(process_mutex);
  require(!process_pool_made, ErrorCode::kState,
          "the thread pool of the process is already in use; configure it before the first net");
  process_options = options;
}

int ThreadPool::threads() const { return impl_->threads; }
bool ThreadPool::pinned() const { return impl_->pin; }

void ThreadPool::run_at_width(int width, function_ref<void()> body) {
  check_width(width);
  if (tbb::this_task_arena::max_concurrency() == width) {
    tbb::this_task_arena::isolate([&] { body(); });
    return;
  }
  const Impl::Spares& spares = impl_->spares_of(*this, width);
  const std::size_t first = static_cast<std::size_t>(std::max(0, Crew::worker()));
  for (std::size_t i = 0; i < spares.size(); ++i) {
    Impl::Spare& spare = *spares[(first + i) % spares.size()];
    if (spare.busy.exchange(true, std::memory_order_acquire)) continue;
    struct Release {
      std::atomic<bool>& busy;
      ~Release() { busy.store(false, std::memory_order_release); }
    } const release{spare.busy};
    spare.crew.execute(body);
    return;
  }
  // More callers at once than the pool has threads, twice over: they pay for a crew of their own.
  Crew(*this, width).execute(body);
}

/// Binds a worker that enters a crew of a pinned pool to one of its CPUs, and lets go of it when it
/// enters one of an unpinned pool. Workers live as long as the process: each is bound once.
class Binding : public tbb::task_scheduler_observer {
 public:
  Binding(tbb::task_arena& arena, ThreadPool::Impl& pool)
      : task_scheduler_observer(arena), pool_(pool) {
    observe(true);
  }
  ~Binding() override { observe(false); }

  void on_scheduler_entry(bool is_worker) override {
    thread_local std::uint64_t bound_by = 0;
    const std::uint64_t wanted = pool_.pin ? pool_.id : 0;
    if (!is_worker || bound_by == wanted) return;
    bound_by = wanted;
    pool_.bind_worker();
  }

 private:
  ThreadPool::Impl& pool_;
};

struct Crew::Impl {
  // Never asks for more workers than the pool has: oneTBB would print a warning.
  Impl(ThreadPool& pool, int width)
      : pool(pool), arena(width, /*reserved_for_masters=*/std::max(1, width - pool.threads() + 1)) {
    if (pool.pinned() || any_pool_pinned.load(std::memory_order_relaxed)) {
      binding.emplace(arena, *pool.impl_);
    }
  }

  ThreadPool& pool;
  tbb::task_arena arena;
  std::optional<Binding> binding;
  // Isolated: cancellation of a task of the caller must not drop jobs of the crew.
  tbb::task_group_context jobs_context{tbb::task_group_context::isolated};
  tbb::task_group jobs{jobs_context};
  // The event wait() waits for is the end of one task that never runs: open() drops it.
  tbb::task_group_context gate_context{tbb::task_group_context::isolated};
  tbb::task_group gate{gate_context};
  tbb::task_handle gate_task;
  std::atomic<bool> armed{false};
};

Crew::Crew(ThreadPool& pool, int width) {
  check_width(width);
  impl_ = std::make_unique<Impl>(pool, width);
}

Crew::~Crew() = default;

int Crew::width() const { return impl_->arena.max_concurrency(); }

void Crew::execute(function_ref<void()> body) {
  impl_->arena.execute([&] {
    const Membership member(impl_->pool);
    body();
  });
  impl_->pool.impl_->check_binding();
}

void Crew::invite(Job job) {
  impl_->jobs.run([job, pool = &impl_->pool] {
    const Membership member(*pool);
    job.call(job.argument);
  });
}

void Crew::invite_from_outside(Job job) {
  impl_->arena.enqueue(impl_->jobs.defer([job, pool = &impl_->pool] {
    const Membership member(*pool);
    job.call(job.argument);
  }));
}

void Crew::arm() {
  impl_->gate_task = impl_->gate.defer([] {});
  impl_->armed.store(true);
}

void Crew::disarm() {
  // When another thread is opening the gate just now, it drops the task: wait for that.
  if (!open()) wait();
}

void Crew::wait() { impl_->gate.wait(); }

bool Crew::open() {
  if (!impl_->armed.exchange(false)) return false;
  const tbb::task_handle dropped = std::move(impl_->gate_task);
  return true;
}

void Crew::retire() { impl_->jobs.wait(); }

int Crew::worker() { return tbb::this_task_arena::current_thread_index(); }

void run_at_width(int width, function_ref<void()> body) {
  ThreadPool* pool = pool_of_this_thread;
  (pool != nullptr ? *pool : ThreadPool::process()).run_at_width(width, body);
}

void parallel_for(int parts, function_ref<void(int part)> body) {
  require(parts >= 0, ErrorCode::kInvalidArgument, "a loop of {} parts", parts);
  if (parts == 1) return body(0);
  tbb::this_task_arena::isolate([&] {
    // Static: part i goes to the same thread in each loop of the same number of parts, if it is
    // free, and so finds its data in the cache.
    tbb::parallel_for(
        0, parts, [&](int part) { body(part); }, tbb::static_partitioner());
  });
}

}  // namespace headrace
