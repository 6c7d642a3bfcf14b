#pragma once

#include <string>

#include "core/function_ref.h"
#include "graph/run_state.h"

namespace headrace {

/// Where NaN or an infinity first appeared on the way to the losses of a step (0 unless the net is
/// unrolled): runs their forward operators once more, in order, and looks at every input and every
/// result. `run_node` executes one node. Returns a sentence for the error message.
std::string find_non_finite(const Plan& plan, const RunState& state, int step,
                            function_ref<void(int node)> run_node);

}  // namespace headrace
