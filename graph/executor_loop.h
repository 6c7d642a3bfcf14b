#pragma once

// The loop that executes nodes. Internal to the executor.

#include <cstddef>
#include <utility>

#include "graph/executor_run.h"

namespace headrace::executor_detail {

#ifdef HEADRACE_BENCH_WITHOUT_TRACE
constexpr bool kTraceBuilt = false;  // only to measure what the trace costs when it is off
#else
constexpr bool kTraceBuilt = true;
#endif

/// Moving nodes to another thread costs about this much; less work than this stays.
constexpr std::int64_t kWorthMovingNs = 1000;

/// One thread's part in a run: drains a batch, going on with the best ready successor of each node
/// and stacking the others. kShared: other loops may be live, so counters may need atomics.
template <bool kShared>
class Loop {
 public:
  Loop(RunState& run, Batch& batch, int worker)
      : run_(run),
        batch_(&batch),
        worker_(worker),
        ring_(kTraceBuilt && run.trace_ != nullptr ? &run.trace_->worker(worker) : nullptr),
        random_(run.shuffle_seed_ + static_cast<std::uint64_t>(worker)) {
    if (ring_ != nullptr) stamp_ = TraceClock::now();
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
      if (kShared && reclaim()) continue;
      batch_ = run_.leave(*batch_, std::exchange(done_, 0));
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
      if (kShared && !batch_->empty()) share_if_worth();
      if (foreign && run_.anyone_back()) welcome_back();
      if (run_.shuffle_seed_ != 0) [[unlikely]]
        node = shuffle(node);
      if (node == kNone) {
        if (batch_->empty()) return;
        node = batch_->pop(schedule.weight_ns.data());
      }
      current_ = node;
      if (run_.aborted_.load(std::memory_order_relaxed)) [[unlikely]] {
        node = complete(node, begin[node]);
      } else if (kinds[node] == NodeKind::kInline) [[likely]] {
        if (kShared) prefetch(node);
        run_inline(node);
        node = complete(node, begin[node]);
      } else {
        node = issue(node);
      }
    }
  }

  void run_inline(std::int32_t node) {
    if (ring_ == nullptr) [[likely]] {
      run_.runner_->run(node, worker_);
      return;
    }
    if (run_.trace_->separate_stamps()) stamp_ = TraceClock::now();
    run_.runner_->run(node, worker_);
    const std::uint64_t end = TraceClock::now();
    ring_->record(stamp_, end, node, TraceKind::kCompute);
    stamp_ = end;
  }

  /// Starts a node that will come back. Returns the node to go on with.
  std::int32_t issue(std::int32_t node) {
    run_.link_[node] = RunState::kOut;
    if (ring_ != nullptr) run_.began_[node] = TraceClock::now();
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
      if (ring_ != nullptr) {
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
    std::int32_t* const counters = run_.counters_.data();
    const bool atomics =
        kShared && (run_.schedule_.has_foreign ||
                    RunState::live(run_.progress_.load(std::memory_order_acquire)) > 1);
    std::int32_t best = kNone;
    for (std::uint32_t i = first; i != last; ++i) {
      const std::int32_t node = successors[i].node();
      if (!successors[i].only_predecessor()) {
        if (atomics) {
          if (!meet_atomically(counters[node * 4])) continue;
        } else if (--counters[node * 4] != 0) {
          continue;
        }
      }
      if (best != kNone) push(best);
      best = node;
    }
    return best;
  }

  /// Meets one of the edges a node waits for. True for the last one.
  static bool meet_atomically(std::int32_t& counter) {
    const std::atomic_ref<std::int32_t> unmet(counter);
    return unmet.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }

  void prefetch(std::int32_t node) {
    if (Run_live_one()) return;
    for (std::uint32_t i = run_.schedule_.begin[node]; i != run_.schedule_.begin[node + 1]; ++i) {
      auto s = run_.schedule_.successors[i];
      if (!s.only_predecessor()) asm volatile("prefetchw %0" : : "m"(run_.counters_[s.node() * 4]));
    }
  }
  bool Run_live_one() {
    return RunState::live(run_.progress_.load(std::memory_order_relaxed)) <= 1;
  }

  void push(std::int32_t node) { batch_->push(node, run_.schedule_.weight_ns[node]); }

  void share_if_worth() {
    if (batch_->weight < kWorthMovingNs) return;
    if (RunState::live(run_.progress_.load(std::memory_order_relaxed)) <
        static_cast<std::uint32_t>(run_.width_)) {
      run_.share(*batch_);
    }
  }

  /// With nothing left here, takes a batch that was offered and not yet taken.
  bool reclaim() {
    if (RunState::live(run_.progress_.load(std::memory_order_relaxed)) == 1) return false;
    Batch* const offered = run_.take_offer();
    if (offered == nullptr) return false;
    run_.give_back(*std::exchange(batch_, offered), std::exchange(done_, 0));
    return true;
  }

  /// A random one of the ready nodes; `node` is the one that would come next, or kNone.
  std::int32_t shuffle(std::int32_t node) {
    if (node != kNone) push(node);
    if (batch_->empty()) return kNone;
    random_ = random_ * 6364136223846793005U + 1442695040888963407U;
    const auto size = static_cast<std::uint32_t>(batch_->top - batch_->bottom);
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
  std::int32_t current_ = kNone;
};

}  // namespace headrace::executor_detail
