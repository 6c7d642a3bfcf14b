#pragma once

#include <string>
#include <vector>

namespace headrace {

struct CompileOptions;

namespace graph {

class Graph;

/// Several steps of a net in one plan. A step does not wait for the end of the one before: a
/// convolution of its forward pass starts as soon as its own weights are updated, while other
/// gradients are still on their way between ranks.
struct Unroll {
  int steps = 1;
  /// Inputs that each step has its own of, such as samples and labels. All others are what the step
  /// before has left, or the same for all.
  std::vector<std::string> fed;
};

/// What a name that each step has its own of is called outside: the last step's goes by the name,
/// that of step k before it by name@k.
std::string step_name(const std::string& name, int step, int steps);

/// Puts options.unroll.steps steps of a graph, fresh from build_graph(), behind one another. What
/// the options ask to read or to check is kept of each step, by step_name(), but for state, of
/// which there is one. Afterwards options.unroll asks for nothing more. Throws kInvalidArgument for
/// steps below 1, kNotFound for an input that the net does not have, and kInvalidNet if it has one
/// of the new names already.
void unroll(Graph& graph, CompileOptions& options);

/// Lets each step begin when the backward pass of the step before has ended, so that both may have
/// the same memory: only sums of gradients and updates are left then. It costs nothing, because the
/// first layers, which come first, get their gradients last. After all passes that make operators
/// of forward and backward passes.
void pace_steps(Graph& graph);

}  // namespace graph
}  // namespace headrace
