#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/function_ref.h"
#include "core/trace.h"

namespace headrace {

/// What an exported trace says about a node: its name in the timeline, the category by which
/// viewers filter ("cpu_op" is what PyTorch's tools call an operator on the CPU), and any further
/// facts.
struct TraceNode {
  using Value = std::variant<std::string, std::int64_t, double>;

  std::string name;
  std::string category = "cpu_op";
  std::vector<std::pair<std::string, Value>> args;
};

struct TraceExportOptions {
  int rank = 0;
  int world_size = 1;
  std::string name = "headrace";  // of the process in the timeline
  /// Pairs of nodes, the second of which uses what the first makes: drawn as an arrow wherever the
  /// two ran on different lanes.
  std::vector<std::pair<int, int>> arrows;
  /// Of each run, by its number: what is added to the numbers of its nodes, so that runs of
  /// different programs are told apart. Empty: nothing.
  std::vector<int> first_node;
  /// Runs before this one, and everything outside of the runs that are left, are not written; 0
  /// writes all there is.
  std::int64_t first_run = 0;
};

/// Writes what `trace` holds as a Chrome trace in the dialect of PyTorch's Kineto, which
/// Perfetto and Holistic Trace Analysis load. A lane per worker; asynchronous and blocking
/// nodes have lanes of their own, as many as overlap; each run is a "ProfilerStep#N". Times are
/// microseconds since "baseTimeNanoseconds" (since the Unix epoch), to the nanosecond; events that
/// were overwritten in the recorder are counted in "droppedEvents". `describe` is called once for
/// each node that occurs. Whole or not at all, see AtomicFile; not while a run is being recorded.
void write_kineto_trace(const std::filesystem::path& path, const TraceRecorder& trace,
                        function_ref<TraceNode(int node)> describe,
                        const TraceExportOptions& options = {});

}  // namespace headrace
