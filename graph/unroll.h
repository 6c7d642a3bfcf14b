#pragma once

#include <string>
#include <vector>

namespace headrace {

struct CompileOptions;

namespace graph {

class Graph;

/// Several steps of a net in one plan. Nothing waits for the end of a step: an operator of the next
/// one starts when what it reads is there, a convolution of the forward pass as soon as its own
/// weights are updated, while later gradients are still on their way between ranks.
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

/// Lets operators that wait for nothing, such as those that read samples, wait until the step
/// before has done with what its ones have made. Without that, all steps would begin at once with
/// them, in memory of their own. After all passes that make such operators.
void pace_steps(Graph& graph);

}  // namespace graph
}  // namespace headrace
