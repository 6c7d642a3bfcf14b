#pragma once

// The executor compiled twice more, alike but for the recording of traces: with it, and without any
// trace of it. What a trace costs that is off is the difference; a difference to the library would
// also contain how the two were compiled and linked.

#include <functional>
#include <span>
#include <utility>

namespace headrace::bench {

struct CopyInput {
  int nodes;
  std::span<const std::pair<int, int>> edges;
  double cost_ns;
  void (*node)(void* argument, int node);
  void* argument;
};

/// A step of the graph on one thread.
std::function<void()> make_step_with_trace(const CopyInput& input);
std::function<void()> make_step_without_trace(const CopyInput& input);

}  // namespace headrace::bench
