#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/communicator.h"
#include "core/kernel.h"
#include "graph/buckets.h"
#include "graph/collectives.h"
#include "graph/graph.h"
#include "graph/passes.h"
#include "graph/schedule.h"
#include "graph/storage.h"
#include "graph/unroll.h"

namespace headrace {

struct CompileOptions {
  /// Compute threads the plan is cut for. The widths of operators, and with them the order of sums,
  /// depend on it; which threads then do the work does not matter.
  int threads = 1;
  /// Run in the order of the net, one operator at a time (each may still be wide).
  bool serial = false;
  /// What stays readable besides external outputs and state.
  graph::ReadableNames readable;
  /// Losses that must be finite before anything that follows from them may run.
  std::vector<std::string> finite;
  /// So many steps of the net are one run of the plan.
  graph::Unroll unroll;
  /// Let the layout pass store images channels-last.
  bool channels_last = true;
  /// The plan runs once, and the graph it is compiled from is not used again: arrays among the
  /// arguments may become blobs as they stand.
  bool once = false;
  /// The common worlds among the inputs. A Session fills this from its workspace.
  graph::Worlds worlds;
  graph::BucketOptions buckets;
  /// Receives oddities that are tolerated, a line each.
  std::function<void(const std::string&)> warn;
  /// Puts another kernel in the place of the one that was prepared: to emulate in a measurement
  /// what this machine cannot do, or not as fast. Not asked where a shape is known during the run
  /// only.
  std::function<std::unique_ptr<Kernel>(const graph::Op&, std::unique_ptr<Kernel>)> replace_kernel;
};

/// One operator of a plan, ready to run.
struct PlanNode {
  std::unique_ptr<Kernel> kernel;  // null when the shapes are known during the run only
  int width = 1;
  Cost cost;
  double cost_ns = 0;  // estimate that ranks and widths are derived from
  size_t scratch_bytes = 0;
  uint64_t wanted = 0;  // bit i: output i is read
  uint64_t random_key = 0;
  bool writes_state = false;
  /// Position in Plan::interface.inputs of the operand that the kernel takes repacked, or kNone.
  int packed_input = graph::kNone;
  /// Of collectives: the group (Plan::communicators), and the place in it.
  struct Collective {
    int group = graph::kNone;
    size_t bytes = 0;  // of each rank; 0 where they are known during the run only
    CollectivePlace place;
  };
  Collective collective;
};

/// The compiled program for one signature of input types. Immutable; any number of Runs share it.
struct Plan : std::enable_shared_from_this<Plan> {
  graph::Graph graph;
  graph::Interface interface;
  CompileOptions options;
  std::vector<graph::Edge> edges;
  std::vector<PlanNode> nodes;    // per graph.ops
  std::vector<TensorDesc> descs;  // per graph.values; undefined dtype where known later
  graph::StoragePlan storage;
  Schedule schedule;
  /// The collectives in the order in which every rank starts them: a linear extension of all
  /// dependencies, so that the lowest unfinished one waits for computation only. Equal nets and
  /// options give equal tickets on every rank, whatever order operators become ready in.
  std::vector<graph::OpId> tickets;
  /// The groups of ranks that collectives are in. PlanNode::collective has an operator's ticket
  /// within its group.
  std::vector<graph::CollectiveGroups::Group> communicators;
  double compile_ms = 0;

  /// A line per operator, in order, with every choice made: equal plans give equal text.
  std::string to_string() const;
};

/// Compiles a net for inputs of the given types. Everything wrong with the net and the inputs is
/// listed in one Error.
std::shared_ptr<const Plan> compile(NetDef net, const graph::InputTypes& inputs,
                                    const CompileOptions& options);

/// The same from a graph that was built before (build_graph), which is copied.
std::shared_ptr<const Plan> compile(const graph::Graph& graph, const graph::InputTypes& inputs,
                                    const CompileOptions& options);

}  // namespace headrace
