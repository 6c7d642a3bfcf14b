#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/function_ref.h"

namespace headrace {

/// Where a node runs.
enum class NodeKind : std::uint8_t {
  kInline,    // on a compute thread, to its end
  kAsync,     // started on a compute thread, completed later by any thread
  kBlocking,  // on the blocking service
};

/// What an edge waits for.
enum class EdgeWait : std::uint8_t {
  kDone,    // its source has completed
  kIssued,  // its source has been started: enough between nodes of one stream, for example
};

struct ScheduleNode {
  double cost_ns = 0;  // estimated time; decides order and what is worth moving to another thread
  NodeKind kind = NodeKind::kInline;
  bool collective = false;  // other ranks wait for it
  int step = 0;             // of several that are made in one run
};

struct ScheduleEdge {
  std::int32_t from = 0;
  std::int32_t to = 0;
  EdgeWait wait = EdgeWait::kDone;
};

/// What an executor runs: a dependency graph laid out for it. Plain data, immutable once built,
/// free to be shared by any number of executors. Nodes are numbered from 0.
struct Schedule {
  /// An edge as the executor reads it. Into a node with no other predecessor: the node, which is
  /// ready at once. Into any other: the counter to lower.
  struct Successor {
    std::uint32_t packed;
    bool only_predecessor() const { return (packed & 1) != 0; }
    std::int32_t index() const { return static_cast<std::int32_t>(packed >> 1); }
    static Successor make(std::int32_t index, bool only) {
      return {static_cast<std::uint32_t>(index) << 1 | static_cast<std::uint32_t>(only)};
    }
  };

  int node_count() const { return static_cast<int>(kinds.size()); }
  int edge_count() const { return static_cast<int>(successors.size()); }

  /// The node an edge leads to.
  std::int32_t target(Successor successor) const {
    std::int32_t at = successor.index();
    if (successor.only_predecessor()) return at;
    while (counter_target[at] < 0) at = ~counter_target[at];
    return counter_target[at];
  }

  /// Successors of n: [begin[n], done_begin[n]) are released when n has been started,
  /// [done_begin[n], begin[n + 1]) when it has completed; each part from the worst to the best
  /// one to go on with: nodes that are not inline after all others; then what completes the earlier
  /// collective, so that a gradient is on its way while the next one is computed; then by upward
  /// rank.
  std::vector<std::uint32_t> begin;
  std::vector<std::uint32_t> done_begin;
  std::vector<Successor> successors;
  /// Edges yet to be met, at the start of a run, and what happens at zero: a node is ready (its
  /// number), or another counter is lowered (~its index). The second is for nodes with very many
  /// predecessors: a counter per group of them keeps threads from passing one cache line around.
  /// For the same reason counters used at about the same time lie on different lines.
  std::vector<std::int32_t> counters;
  std::vector<std::int32_t> counter_target;

  std::vector<std::int32_t> roots;  // nodes without predecessors, the best one last
  std::vector<NodeKind> kinds;
  /// Estimated time on a compute thread in whole ns, at most kMaxWeight; 0 for nodes that are not
  /// inline.
  std::vector<std::uint32_t> weight_ns;
  std::vector<double> upward_rank;  // cost of the most expensive path that begins at the node
  std::vector<std::int32_t> order;  // a topological order: by number wherever edges allow
  std::vector<std::int32_t> chain;  // of each node: the path without forks and joins it is on
  int chain_count = 0;
  bool has_foreign = false;  // some node completes on a thread that is not a compute thread

  /// Weights only tell what is worth moving; all above this are.
  static constexpr std::uint32_t kMaxWeight = 1'000'000'000;

  /// Cost of the most expensive path, and of all nodes: with P threads no run takes less than the
  /// first, nor less than a P-th of the second.
  double critical_path_ns = 0;
  double total_ns = 0;
};

/// Lays out a graph: drops edges that others imply, ranks nodes, finds chains. Duplicate edges are
/// allowed. Throws Error: kInvalidArgument for an edge to a node that does not exist or a cost that
/// is not a finite number >= 0, kInvalidNet for a cycle, whose nodes are listed by `name_of_node`.
Schedule build_schedule(std::span<const ScheduleNode> nodes, std::span<const ScheduleEdge> edges,
                        function_ref<std::string(int node)> name_of_node);
/// The same with nodes called by their numbers.
Schedule build_schedule(std::span<const ScheduleNode> nodes, std::span<const ScheduleEdge> edges);

}  // namespace headrace
