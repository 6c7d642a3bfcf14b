#pragma once

// Internals of the executor: the state of one run and the hand-over of work between threads.

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <vector>

#include "core/blocking_service.h"
#include "core/thread_pool.h"
#include "core/trace.h"
#include "graph/executor.h"
#include "graph/schedule.h"

namespace headrace::executor_detail {

constexpr std::int32_t kNone = -1;
constexpr std::size_t kCacheLine = 64;

/// A stack of ready nodes, private to one loop at a time.
struct alignas(kCacheLine) Batch {
  enum State : int {
    kFree,
    kBusy,     // of a running loop
    kOpen,     // of a loop in a long node: another loop may take it
    kOffered,  // of a loop that whoever takes it becomes
  };

  bool empty() const { return bottom == top; }
  std::int32_t size() const { return top - bottom; }
  void push(std::int32_t node, std::uint32_t node_weight) {
    nodes[top++] = node;
    weight += node_weight;
  }
  std::int32_t pop(const std::uint32_t* weights) {
    const std::int32_t node = nodes[--top];
    weight -= weights[node];
    return node;
  }

  std::atomic<int> state{kFree};
  // Other threads look at the state; the rest, on a line of its own, is its loop's alone.
  //
  // [bottom, top) of `nodes`. A node is pushed at most once while the batch is busy, so that as
  // many places as there are nodes suffice.
  alignas(kCacheLine) std::int32_t bottom = 0;
  std::int32_t top = 0;
  std::int64_t weight = 0;  // estimated ns of the nodes in it
  std::unique_ptr<std::int32_t[]> nodes;
};

/// The state of one run, reusable, and what loops on different threads share.
///
/// Invariants. A loop is live from when it has, or is promised, a batch: live loops <= width, and
/// as many batches are not free. Whoever makes a loop live owns a live loop itself or brings back a
/// node from outside; so while live == 1 and no node comes from outside, nobody else touches the
/// counters, and the loop needs no atomic for them. The run has ended when no node remains and no
/// loop is live; both are one word, so the last loop to leave knows it is the last.
class RunState {
 public:
  RunState(const Schedule& schedule, ThreadPool& pool, const ExecutorOptions& options);

  void execute(NodeRunner& runner, const ExecuteOptions& options);
  bool cancel();
  int width() const { return width_; }

  /// First error wins; from then on nodes are counted but not run.
  void fail(std::exception_ptr error);

  /// What an asynchronous node calls at its end.
  Completion completion_of(std::int32_t node) { return {&RunState::come_back, this, node}; }

 private:
  template <bool kShared, bool kTraced>
  friend class Loop;

  struct BlockingJob : BlockingService::Job {
    RunState* run = nullptr;
    std::int32_t node = kNone;
  };

  static constexpr std::uint64_t kLive = 1;  // unit of the lower half of progress_
  static constexpr int kNodeShift = 32;      // the upper half: nodes that remain
  static constexpr std::int32_t kOut = -2;   // in link_: started, not back yet
  static constexpr std::int32_t kBack = -3;  // in link_: reported
  static std::uint32_t live(std::uint64_t progress) { return static_cast<std::uint32_t>(progress); }

  void reset(NodeRunner& runner, const ExecuteOptions& options);
  template <bool kShared>
  void drive();
  template <bool kShared>
  void drain(Batch& batch, int worker);
  void drive_in_order();
  void rethrow_first_error();

  /// Makes one more loop live. False when `width` of them are, or the run has ended.
  bool enter();
  /// A free batch for a loop just made live.
  Batch& claim_batch();
  /// A batch in that state, busy from now on; null when there is none.
  Batch* take(Batch::State state);
  /// A batch for a thread that has none: an offer, or a new loop when nodes have come back.
  Batch* find_work();
  /// With nothing to do, looks out for an offer for a moment: longer than it takes another loop to
  /// make one, much shorter than it takes to wake a thread. Null when none came.
  Batch* await_offer();
  /// Counts a thread in await_offer() out. False when there is none left.
  bool take_hungry();
  /// Moves the older half of `mine` to another loop.
  void share(Batch& mine);
  /// The batch of a loop that had left `mine` open: that one, or a new one if it was taken.
  Batch& close(Batch& mine);
  /// The batch to go on with for a loop that has emptied `mine` and completed `done` nodes, which
  /// are reported and set to 0. Null when the loop ends.
  Batch* next_batch(Batch& mine, int& done);
  static void help(void* state);

  static void come_back(void* state, int node, std::exception_ptr error);
  void take_back(std::int32_t node, std::exception_ptr error);
  void start_blocking(std::int32_t node);
  void run_blocking(std::int32_t node);
  bool anyone_back() const { return inbox_.load() != kNone; }

  const Schedule& schedule_;
  const int width_;
  const bool serial_;
  Crew crew_;
  std::unique_ptr<Batch[]> batches_;
  std::vector<std::int32_t> counters_;  // Schedule::counters of this run
  // Nodes whose end is reported from outside: next one in the inbox, or whether it is out.
  std::vector<std::int32_t> link_;
  std::vector<std::uint64_t> began_, ended_;  // stamps, when traced
  std::vector<BlockingJob> jobs_;

  NodeRunner* runner_ = nullptr;
  TraceRecorder* trace_ = nullptr;
  std::uint64_t shuffle_seed_ = 0;
  std::exception_ptr error_;
  std::atomic<bool> failing_{false};

  alignas(kCacheLine) std::atomic<bool> aborted_{false};
  alignas(kCacheLine) std::atomic<std::uint64_t> progress_{0};
  std::atomic<int> hungry_{0};  // threads in await_offer() that no offer has been made for
  alignas(kCacheLine) std::atomic<std::int32_t> inbox_{kNone};  // a stack linked by link_
  std::atomic<int> visitors_{0};  // threads from outside that are using this object
  std::atomic<bool> running_{false};
  std::atomic<bool> cancellable_{false};
};

}  // namespace headrace::executor_detail
