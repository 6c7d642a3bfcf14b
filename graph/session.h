#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/thread_pool.h"
#include "core/workspace.h"
#include "graph/plan.h"
#include "graph/run.h"

namespace headrace {

struct SessionOptions {
  CompileOptions compile;
  RunSettings run;
  /// Refuse arguments that no schema declares.
  bool strict = false;
  /// Plans kept, one per signature of input shapes; the least recently used one goes first.
  int plans = 4;
};

/// One net over one workspace: compiles it for the shapes found there, once per signature, and runs
/// it. What most callers use:
///
///   Workspace workspace;
///   run_once(init_net, workspace, pool);
///   workspace.feed("data", image);
///   Session session(predict_net, workspace, pool);
///   session.run();
///   Tensor probabilities = workspace.fetch("softmax");
///
/// One thread at a time.
class Session {
 public:
  Session(NetDef net, Workspace& workspace, ThreadPool& pool, SessionOptions options = {});
  ~Session();

  /// Runs the net once on what the workspace holds. See Run::execute().
  void run(uint64_t step = 0);
  /// From any thread: ends the current run() with kCancelled.
  void cancel();

  /// The plan for the present content of the workspace, compiled now if need be.
  const Plan& plan();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Runs an init net: everything it makes stays in the workspace. Arrays that the net itself holds
/// are handed over, not copied, when the net is moved in.
void run_once(NetDef net, Workspace& workspace, ThreadPool& pool, uint64_t seed = 1);

}  // namespace headrace
