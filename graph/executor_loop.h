#pragma once

// The loop that executes nodes. Internal to the executor.

#include <cstddef>
#include <utility>

#include "graph/executor_run.h"

namespace headrace::executor_detail {

/// Half of a batch is moved to another thread if it is estimated to take at least this long, which
/// is what it takes to move it.
constexpr std::int64_t kWorthMovingNs = 1000;

/// From this estimate on, a loop that waits for a node to end waits too long.
constexpr std::uint32_t kLongNs = 20'000;

/// Brings a cache line here, to be written.
inline void prefetch_for_write(const void* address) {
#if defined(__x86_64__)
  // __builtin_prefetch() would fetch it for reading unless told that the CPU knows this
  // instruction; one that does not ignores it.
  asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(address)));
#else
  __builtin_prefetch(address, 1);
#endif
}

/// One thread's part in a run: drains a batch, going on with the best ready successor of each node
/// and stacking the others. kShared: other loops may be live, so counters may need atomics.
/// kTraced: nodes are recorded; without it, the trace costs no branch that would dilute the CPU's
/// history.
template <bool kShared, bool kTraced>
class Loop {
 public:
  Loop(RunState& run, Batch& batch, int worker)
      : run_(run),
        batch_(&batch),
        worker_(worker),
        ring_(kTraced ? &run.trace_->worker(worker) : nullptr),
        random_(run.shuffle_seed_ + static_cast<std::uint64_t>(worker)) {
    if constexpr (kTraced) stamp_ = TraceClock::now();
  }

  /// Returns when there is nothing left to do for this thread.
  void drain() {
    do {
      std::int32_t failed = kNone;
      for (;;) {
        try {
          work(failed);
          break;
        } catch (...) {
          // The one place where an exception of a node ends: the node counts as completed.
          run_.fail(std::current_exception());
          failed = current_;
        }
      }
      alone_ = false;
      batch_ = run_.next_batch(*batch_, done_);
    } while (batch_ != nullptr);
  }

 private:
  /// Works until the batch is empty. `failed`: the node whose exception ended the call before.
  void work(std::int32_t failed) {
    const Schedule& schedule = run_.schedule_;
    const std::uint32_t* const begin = schedule.begin.data();
    const NodeKind* const kinds = schedule.kinds.data();
    const bool foreign = schedule.has_foreign;
    std::int32_t node = kNone;
    if (failed != kNone) {
      node = complete(failed, begin[failed]);
    }
    for (;;) {
      if (foreign && run_.anyone_back()) welcome_back();
      if (run_.shuffle_seed_ != 0) [[unlikely]]
        node = shuffle(node);
      if (node == kNone) {
        if (batch_->empty()) return;
        node = batch_->pop(schedule.weight_ns.data());
      }
      if (kShared && !alone_) alone_ = is_alone();
      if (kShared) share();  // never the only node
      current_ = node;
      if (run_.aborted_.load(std::memory_order_relaxed)) [[unlikely]] {
        node = complete(node, begin[node]);
      } else if (kinds[node] == NodeKind::kInline) [[likely]] {
        if (!kShared || alone_) {
          run_inline(node);
        } else {
          run_beside_others(node);
        }
        node = complete(node, begin[node]);
      } else {
        node = issue(node);
      }
    }
  }

  /// Leaves the batch open during a long node, to loops that have run dry.
  void run_beside_others(std::int32_t node) {
    fetch_counters(node);
    if (batch_->empty() || run_.schedule_.weight_ns[node] < kLongNs) return run_inline(node);
    struct Open {
      Loop& loop;
      ~Open() { loop.batch_ = &loop.run_.close(*loop.batch_); }
    } const open{*this};
    batch_->state.store(Batch::kOpen, std::memory_order_release);
    run_inline(node);
  }

  void run_inline(std::int32_t node) {
    if constexpr (kTraced) {
      if (run_.trace_->separate_stamps()) stamp_ = TraceClock::now();
    }
    run_.runner_->run(node, worker_);
    if constexpr (kTraced) {
      const std::uint64_t end = TraceClock::now();
      ring_->record(stamp_, end, node, TraceKind::kCompute);
      stamp_ = end;
    }
  }

  /// Starts a node that will come back. Returns the node to go on with.
  std::int32_t issue(std::int32_t node) {
    run_.link_[node] = RunState::kOut;
    if constexpr (kTraced) run_.began_[node] = TraceClock::now();
    if (run_.schedule_.kinds[node] == NodeKind::kBlocking) {
      run_.start_blocking(node);
    } else {
      run_.runner_->start(node, worker_, run_.completion_of(node));
    }
    return release(run_.schedule_.begin[node], run_.schedule_.done_begin[node]);
  }

  /// Takes in the nodes that have come back.
  void welcome_back() {
    std::int32_t node = run_.inbox_.exchange(kNone);
    while (node != kNone) {
      const std::int32_t following = run_.link_[node];
      if constexpr (kTraced) {
        const bool blocking = run_.schedule_.kinds[node] == NodeKind::kBlocking;
        ring_->record(run_.began_[node], run_.ended_[node], node,
                      blocking ? TraceKind::kBlocking : TraceKind::kAsync);
      }
      const std::int32_t next = complete(node, run_.schedule_.done_begin[node]);
      if (next != kNone) push(next);
      node = following;
    }
  }

  /// Counts a node and releases its successors from `first` on. Returns the best that is ready.
  std::int32_t complete(std::int32_t node, std::uint32_t first) {
    ++done_;
    return release(first, run_.schedule_.begin[node + 1]);
  }

  std::int32_t release(std::uint32_t first, std::uint32_t last) {
    const Schedule::Successor* const successors = run_.schedule_.successors.data();
    const bool atomics = kShared && !alone_;
    std::int32_t best = kNone;
    for (std::uint32_t i = first; i != last; ++i) {
      const std::int32_t node = successors[i].only_predecessor()
                                    ? successors[i].index()
                                    : lower(successors[i].index(), atomics);
      if (node == kNone) continue;
      if (best != kNone) push(best);
      best = node;
    }
    return best;
  }

  /// Lowers a counter by one. Returns the node that is ready with it, or kNone.
  std::int32_t lower(std::int32_t counter, bool atomics) {
    std::int32_t* const counters = run_.counters_.data();
    for (;;) {
      const std::int32_t left =
          atomics ? std::atomic_ref(counters[counter]).fetch_sub(1, std::memory_order_acq_rel) - 1
                  : --counters[counter];
      if (left != 0) return kNone;
      const std::int32_t target = run_.schedule_.counter_target[counter];
      if (target >= 0) return target;
      counter = ~target;
    }
  }

  /// Whether nobody else touches the counters, which stays so until this loop shares its work.
  bool is_alone() const {
    return !run_.schedule_.has_foreign &&
           RunState::live(run_.progress_.load(std::memory_order_acquire)) == 1;
  }

  /// Fetches the counters that the end of `node` will lower: if another thread has them, that takes
  /// as long as a short node.
  void fetch_counters(std::int32_t node) {
    const Schedule& schedule = run_.schedule_;
    for (std::uint32_t i = schedule.begin[node]; i != schedule.begin[node + 1]; ++i) {
      if (schedule.successors[i].only_predecessor()) continue;
      prefetch_for_write(&run_.counters_[schedule.successors[i].index()]);
    }
  }

  void push(std::int32_t node) { batch_->push(node, run_.schedule_.weight_ns[node]); }

  /// Gives work to other threads for as long as there is enough for one more.
  void share() {
    while (batch_->weight >= kWorthMovingNs) {
      const std::int64_t nodes = batch_->size();
      if (batch_->weight * ((nodes + 1) / 2) < kWorthMovingNs * nodes) return;
      if (RunState::live(run_.progress_.load(std::memory_order_relaxed)) >=
          static_cast<std::uint32_t>(run_.width_)) {
        return;
      }
      alone_ = false;
      run_.share(*batch_);
    }
  }

  /// A random one of the ready nodes; `node` is the one that would come next, or kNone.
  std::int32_t shuffle(std::int32_t node) {
    if (node != kNone) push(node);
    if (batch_->empty()) return kNone;
    random_ = random_ * 6364136223846793005U + 1442695040888963407U;
    const auto size = static_cast<std::uint32_t>(batch_->size());
    const auto chosen = static_cast<std::uint32_t>((random_ >> 32) * size >> 32);
    std::swap(batch_->nodes[batch_->top - 1],
              batch_->nodes[batch_->bottom + static_cast<std::int32_t>(chosen)]);
    return batch_->pop(run_.schedule_.weight_ns.data());
  }

  RunState& run_;
  Batch* batch_;
  const int worker_;
  TraceRing* const ring_;
  std::uint64_t stamp_ = 0;
  std::uint64_t random_;
  int done_ = 0;
  bool alone_ = false;  // see is_alone()
  std::int32_t current_ = kNone;
};

}  // namespace headrace::executor_detail
