#pragma once

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/thread_pool.h"
#include "core/workspace.h"
#include "graph/run_state.h"
#include "graph/session.h"

namespace headrace {

/// An If or While of a run: Sessions of the nets in its arguments, over a workspace of their own
/// that takes the inputs in and gives the outputs back. Runs on the blocking service, because the
/// nested nets use the compute workers themselves.
class NestedNode {
 public:
  NestedNode(const Plan& plan, RunState& state, int node, ThreadPool& pool,
             const RunSettings& settings);

  void launch(uint64_t step);
  /// From any thread: ends launch() with kCancelled. In force until prepare().
  void cancel();
  /// Before every execution of the net around.
  void prepare() { cancelled_.store(false); }
  /// Whether this or a node around it was cancelled.
  bool cancelled() const;

 private:
  std::unique_ptr<Session> session(const std::string& arg, ThreadPool& pool,
                                   const RunSettings& settings);
  void take_inputs();
  void give_outputs();
  /// The condition as it stands in the nested workspace.
  bool holds() const;
  void run(const std::unique_ptr<Session>& session, uint64_t step);

  const Plan& plan_;
  RunState& state_;
  const graph::Op& op_;
  const int node_;
  const NestedNode* const around_;  // the node whose nested net this one is in, or null
  Workspace workspace_;
  // What the nested nets call the operands: the net around may hold them under other names, because
  // it was unrolled, or because a pass put copies in their place.
  const std::vector<std::string> inputs_;
  const std::vector<std::string> outputs_;
  std::set<std::string> changed_;      // names that the nested nets may write, or that come out
  std::set<std::string> read_inside_;  // names that one of the nested nets reads before it writes
  std::unique_ptr<Session> condition_;
  std::unique_ptr<Session> body_;
  std::unique_ptr<Session> otherwise_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace headrace
