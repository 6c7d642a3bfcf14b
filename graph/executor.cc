#include "graph/executor.h"

#include <cstring>
#include <thread>
#include <utility>

#include "core/error.h"
#include "graph/executor_loop.h"
#include "graph/executor_run.h"

namespace headrace {
namespace executor_detail {
namespace {

/// The executor is taken for as long as this lives.
class Running {
 public:
  explicit Running(std::atomic<bool>& running) : running_(running) {
    require(!running_.exchange(true), ErrorCode::kState,
            "this executor is running; runs that overlap need an executor each");
  }
  ~Running() { running_ = false; }

 private:
  std::atomic<bool>& running_;
};

class Recording {
 public:
  explicit Recording(TraceRecorder* trace) : trace_(trace) {
    if (trace_ != nullptr) trace_->begin_run();
  }
  ~Recording() {
    if (trace_ != nullptr) trace_->end_run();
  }

 private:
  TraceRecorder* trace_;
};

/// A pause between two looks at memory that another thread may change.
void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

RunState::RunState(const Schedule& schedule, ThreadPool& pool, const ExecutorOptions& options)
    : schedule_(schedule),
      width_(options.width == 0 ? pool.threads() : options.width),
      serial_(options.serial),
      crew_(pool, width_),
      batches_(std::make_unique<Batch[]>(static_cast<std::size_t>(width_))),
      counters_(schedule.counters) {
  const auto nodes = static_cast<std::size_t>(schedule.node_count());
  for (int i = 0; i < width_; ++i) {
    batches_[i].nodes = std::make_unique_for_overwrite<std::int32_t[]>(nodes);
  }
  if (!schedule.has_foreign) return;
  link_.assign(nodes, kBack);
  began_.assign(nodes, 0);
  ended_.assign(nodes, 0);
  jobs_.resize(nodes);
}

void RunState::execute(NodeRunner& runner, const ExecuteOptions& options) {
  const Running running(running_);
  require(options.trace == nullptr || options.trace->workers() >= width_,
          ErrorCode::kInvalidArgument, "the trace has rings for {} workers, the executor has {}",
          options.trace == nullptr ? 0 : options.trace->workers(), width_);
  const Recording recording(options.trace);
  reset(runner, options);
  crew_.execute([this] {
    if (serial_) {
      drive_in_order();
    } else if (width_ == 1) {
      drive<false>();
    } else {
      drive<true>();
    }
    cancellable_.store(false);
    // Threads that reported a node, or cancelled, may not have left yet; they are about to.
    while (visitors_.load() != 0) std::this_thread::yield();
    if (width_ > 1) crew_.retire();
  });
  if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
}

void RunState::reset(NodeRunner& runner, const ExecuteOptions& options) {
  runner_ = &runner;
  trace_ = options.trace;
  shuffle_seed_ = options.shuffle_seed;
  if (!counters_.empty()) {
    std::memcpy(counters_.data(), schedule_.counters.data(),
                counters_.size() * sizeof(counters_[0]));
  }
  failing_.store(false, std::memory_order_relaxed);
  aborted_.store(false, std::memory_order_relaxed);
  cancellable_.store(true);
}

template <bool kShared>
void RunState::drain(Batch& batch, int worker) {
#ifndef HEADRACE_BENCH_WITHOUT_TRACE  // only to measure what the trace costs when it is off
  if (trace_ != nullptr) return Loop<kShared, true>(*this, batch, worker).drain();
#endif
  Loop<kShared, false>(*this, batch, worker).drain();
}

template <bool kShared>
void RunState::drive() {
  const auto nodes = static_cast<std::uint64_t>(schedule_.node_count());
  if (nodes == 0) return;
  progress_.store(nodes << kNodeShift | kLive);
  Batch& first = claim_batch();
  for (const std::int32_t root : schedule_.roots) first.push(root, schedule_.weight_ns[root]);
  const int worker = Crew::worker();
  drain<kShared>(first, worker);
  while (progress_.load() != 0) {
    crew_.arm();
    if (progress_.load() == 0) {
      crew_.disarm();
      return;
    }
    if (Batch* const batch = find_work()) {
      crew_.disarm();
      drain<kShared>(*batch, worker);
      continue;
    }
    crew_.wait();
    if (Batch* const batch = find_work()) drain<kShared>(*batch, worker);
  }
}

void RunState::drive_in_order() {
  for (const std::int32_t node : schedule_.order) {
    if (aborted_.load()) return;
    const int worker = Crew::worker();
    TraceRing* const ring = trace_ == nullptr ? nullptr : &trace_->worker(worker);
    const std::uint64_t begin = ring == nullptr ? 0 : TraceClock::now();
    const bool foreign = schedule_.kinds[node] == NodeKind::kAsync;
    try {
      if (foreign) {
        link_[node] = kOut;
        runner_->start(node, worker, completion_of(node));
        while (!anyone_back()) {
          crew_.arm();
          if (anyone_back()) {
            crew_.disarm();
          } else {
            crew_.wait();
          }
        }
        inbox_.store(kNone);
      } else {
        runner_->run(node, worker);
      }
    } catch (...) {
      fail(std::current_exception());
    }
    if (ring != nullptr) {
      ring->record(begin, TraceClock::now(), node,
                   foreign ? TraceKind::kAsync : TraceKind::kCompute);
    }
  }
}

void RunState::fail(std::exception_ptr error) {
  if (failing_.exchange(true)) return;
  error_ = std::move(error);
  aborted_.store(true);
  runner_->on_abort();
}

bool RunState::cancel() {
  visitors_.fetch_add(1);
  const bool running = cancellable_.load();
  if (running) {
    fail(std::make_exception_ptr(Error(ErrorCode::kCancelled, "the run was cancelled")));
  }
  visitors_.fetch_sub(1);
  return running;
}

bool RunState::enter() {
  std::uint64_t progress = progress_.load();
  while (progress >> kNodeShift != 0 && live(progress) < static_cast<std::uint32_t>(width_)) {
    if (progress_.compare_exchange_weak(progress, progress + kLive)) return true;
  }
  return false;
}

Batch& RunState::claim_batch() {
  // As many batches are taken as loops are live, so one is free; another thread may be quicker.
  for (int i = 0;; i = (i + 1) % width_) {
    int expected = Batch::kFree;
    if (batches_[i].state.load(std::memory_order_relaxed) == Batch::kFree &&
        batches_[i].state.compare_exchange_strong(expected, Batch::kBusy,
                                                  std::memory_order_acquire)) {
      batches_[i].bottom = batches_[i].top = 0;
      batches_[i].weight = 0;
      return batches_[i];
    }
  }
}

Batch* RunState::take(Batch::State state) {
  for (int i = 0; i < width_; ++i) {
    int expected = state;
    if (batches_[i].state.load(std::memory_order_relaxed) == state &&
        batches_[i].state.compare_exchange_strong(expected, Batch::kBusy,
                                                  std::memory_order_acquire)) {
      return &batches_[i];
    }
  }
  return nullptr;
}

Batch* RunState::find_work() {
  if (Batch* const offered = take(Batch::kOffered)) return offered;
  return anyone_back() && enter() ? &claim_batch() : nullptr;
}

void RunState::share(Batch& mine) {
  if (!enter()) return;
  Batch& other = claim_batch();
  const std::int32_t half = (mine.size() + 1) / 2;
  for (std::int32_t i = 0; i < half; ++i) {
    const std::int32_t node = mine.nodes[mine.bottom++];
    other.push(node, schedule_.weight_ns[node]);
  }
  mine.weight -= other.weight;
  other.state.store(Batch::kOffered);
  if (!take_hungry()) crew_.invite({&RunState::help, this});
}

bool RunState::take_hungry() {
  int hungry = hungry_.load();
  while (hungry > 0) {
    if (hungry_.compare_exchange_weak(hungry, hungry - 1)) return true;
  }
  return false;
}

Batch* RunState::await_offer() {
  constexpr int kLooks = 64;
  hungry_.fetch_add(1);
  Batch* found = take(Batch::kOffered);
  const std::uint64_t before = progress_.load();  // changes with each offer
  for (int i = 0; i < kLooks && found == nullptr; ++i) {
    relax();
    const std::uint64_t now = progress_.load();
    if (now == 0) break;
    if (now != before) found = take(Batch::kOffered);
  }
  // An offer made for this thread must not be left lying: nobody else was invited to it.
  if (!take_hungry() && found == nullptr) found = take(Batch::kOffered);
  return found;
}

void RunState::help(void* state) {
  RunState& self = *static_cast<RunState*>(state);
  Batch* const batch = self.take(Batch::kOffered);  // none: somebody else was quicker
  if (batch != nullptr) self.drain<true>(*batch, Crew::worker());
}

Batch& RunState::close(Batch& mine) {
  int expected = Batch::kOpen;
  const bool kept =
      mine.state.compare_exchange_strong(expected, Batch::kBusy, std::memory_order_acquire);
  return kept ? mine : claim_batch();
}

Batch* RunState::next_batch(Batch& mine, int& done) {
  mine.state.store(Batch::kFree, std::memory_order_release);
  const auto report = [&](std::uint64_t loops) {
    const std::uint64_t change =
        static_cast<std::uint64_t>(std::exchange(done, 0)) << kNodeShift | loops;
    return progress_.fetch_sub(change) - change;
  };
  if (live(progress_.load(std::memory_order_relaxed)) > 1) {
    if (Batch* const offered = take(Batch::kOffered)) {
      report(kLive);  // this loop ends, and the thread becomes the other one
      return offered;
    }
    if (Batch* const open = take(Batch::kOpen)) return open;
  }
  if (report(kLive) == 0) {
    crew_.open();
    return nullptr;
  }
  if (anyone_back() && enter()) return &claim_batch();
  return width_ > 1 ? await_offer() : nullptr;
}

void RunState::start_blocking(std::int32_t node) {
  BlockingJob& job = jobs_[node];
  job.call = [](BlockingService::Job* base) {
    auto& mine = *static_cast<BlockingJob*>(base);
    mine.run->run_blocking(mine.node);
  };
  job.run = this;
  job.node = node;
  BlockingService::process().submit(&job);
}

void RunState::run_blocking(std::int32_t node) {
  std::exception_ptr error;
  if (!aborted_.load()) {
    try {
      runner_->run(node, -1);
    } catch (...) {
      error = std::current_exception();
    }
  }
  come_back(this, node, std::move(error));
}

void RunState::come_back(void* state, int node, std::exception_ptr error) {
  static_cast<RunState*>(state)->take_back(node, std::move(error));
}

void RunState::take_back(std::int32_t node, std::exception_ptr error) {
  std::int32_t out = kOut;
  require(std::atomic_ref(link_[node]).compare_exchange_strong(out, kBack), ErrorCode::kInternal,
          "node {} was completed twice, or was never started", node);
  visitors_.fetch_add(1);
  if (error != nullptr) fail(std::move(error));
  if (trace_ != nullptr) ended_[node] = TraceClock::now();
  std::int32_t head = inbox_.load();
  do {
    std::atomic_ref(link_[node]).store(head, std::memory_order_relaxed);
  } while (!inbox_.compare_exchange_weak(head, node));
  // The caller if it waits; otherwise one more thread, if there is room for one; otherwise the
  // loops that are live, which look into the inbox after each node and once more when they have
  // left.
  if (!crew_.open() && width_ > 1 && !serial_ && enter()) {
    claim_batch().state.store(Batch::kOffered, std::memory_order_release);
    crew_.invite_from_outside({&RunState::help, this});
  }
  visitors_.fetch_sub(1);
}

}  // namespace executor_detail

void NodeRunner::start(int node, int, Completion) {
  fail(ErrorCode::kInternal, "node {} is asynchronous, but its runner cannot start such nodes",
       node);
}

Executor::Executor(const Schedule& schedule, ThreadPool& pool, ExecutorOptions options)
    : state_(std::make_unique<executor_detail::RunState>(schedule, pool, options)) {}

Executor::~Executor() = default;

void Executor::execute(NodeRunner& runner, const ExecuteOptions& options) {
  state_->execute(runner, options);
}

bool Executor::cancel() { return state_->cancel(); }

int Executor::width() const { return state_->width(); }

}  // namespace headrace
