#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/tensor.h"
#include "core/thread_pool.h"
#include "core/workspace.h"
#include "graph/plan.h"

namespace headrace {

class NestedNode;
class TraceRecorder;

struct RunSettings {
  /// Leave outputs in the workspace at the end of each step. Runs that go on side by side over one
  /// workspace switch it off and read output() instead.
  bool publish = true;
  uint64_t seed = 1;
  TraceRecorder* trace = nullptr;
  const NestedNode* around = nullptr;  // the If or While whose net this is
};

/// The reusable state of one execution of a Plan over a Workspace: arena, counters, operand tables.
/// One thread at a time; several Runs of one Plan may execute at once.
class Run {
 public:
  Run(std::shared_ptr<const Plan> plan, Workspace& workspace, ThreadPool& pool,
      RunSettings settings = {});
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  /// Uses `tensor` for an input of the net in place of the workspace's, from now on.
  void set_input(std::string_view name, Tensor tensor);

  /// Runs the net once, or, of an unrolled one, `step` and the steps behind it. The number of a
  /// step keys its random numbers. Throws the first Error of any operator, after everything that
  /// was running has ended; if state had been written by then, the workspace is marked torn.
  void execute(uint64_t step = 0);

  /// From any thread: ends the current execute() with kCancelled.
  void cancel();

  /// An output or state after execute(): a view, valid until the next execute(). Throws kNotFound
  /// when the plan did not keep it, and says how to ask for it.
  Tensor output(std::string_view name) const;

  const Plan& plan() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace headrace
