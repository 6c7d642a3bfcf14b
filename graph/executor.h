#pragma once

#include <cstdint>
#include <memory>

#include "core/completion.h"
#include "core/thread_pool.h"
#include "core/trace.h"
#include "graph/schedule.h"

namespace headrace {

namespace executor_detail {
class RunState;
}

/// What the nodes of a schedule do. `worker` in [0, width) is not shared by two threads of one
/// executor at a time, so it may index scratch; it is -1 on a thread of the blocking service.
/// An exception fails the node and with it the run; whoever implements this adds the operator's
/// context to it.
class NodeRunner {
 public:
  virtual ~NodeRunner() = default;

  /// Executes an inline or a blocking node to its end.
  virtual void run(int node, int worker) = 0;

  /// Starts an asynchronous node, whose end `done` reports: before or after this returns, on any
  /// thread; it hands the node back and wakes somebody, and never runs a node itself. When start()
  /// throws, the node has failed and `done` must not be called.
  virtual void start(int node, int worker, Completion done);

  /// Called once, on any thread, when a run has failed or was cancelled: no further node begins.
  /// Those that have been started must still complete; this is where to tell them to hurry.
  virtual void on_abort() noexcept {}
};

struct ExecutorOptions {
  int width = 0;        // threads that execute nodes side by side; 0: all of the pool
  bool serial = false;  // one node after the other in Schedule::order
};

struct ExecuteOptions {
  TraceRecorder* trace = nullptr;  // records each node when given; needs a ring per worker
  std::uint64_t shuffle_seed = 0;  // for tests: other than 0, ready nodes run in a random order
};

/// Executes a schedule, again and again: the state of one run at a time, allocated once. Several
/// executors of one schedule may run at the same time. Nodes may execute other executors.
///
/// Every node runs exactly once and after its predecessors, until a node fails or cancel() is
/// called; then no further node begins, those that have begun are waited for, and execute() throws
/// the first error. Whatever happens, a run ends only when nothing of it is running any more.
class Executor {
 public:
  /// Keeps references: `schedule` and `pool` must outlive the executor.
  Executor(const Schedule& schedule, ThreadPool& pool, ExecutorOptions options = {});
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  /// Runs all nodes; the calling thread takes part. Throws the first error of a node, or Error
  /// (kCancelled); Error (kState) when this executor is running already.
  void execute(NodeRunner& runner, const ExecuteOptions& options = {});

  /// Ends the run in progress, from any thread. False when there is none.
  bool cancel();

  int width() const;

 private:
  std::unique_ptr<executor_detail::RunState> state_;
};

}  // namespace headrace
