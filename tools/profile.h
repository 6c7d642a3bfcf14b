#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/trace.h"
#include "graph/plan.h"

namespace headrace::tools {

/// How long one operator of a plan took, over the runs recorded.
struct OperatorTime {
  int node = 0;
  std::string type;
  std::string name;
  int width = 1;
  Cost cost;
  double seconds = 0;  // median
};

/// The same, summed over operators of one type.
struct TypeTime {
  std::string type;
  int count = 0;
  Cost cost;
  double seconds = 0;
};

struct Profile {
  std::vector<OperatorTime> operators;  // in the order of the plan
  std::vector<TypeTime> types;          // the longest first
  double operator_seconds = 0;          // all operators together, of one run
  double run_seconds = 0;               // median
  int runs = 0;
};

/// Evaluates the recorded runs of the last plan that was run; `plans[i]` is that of run i. Needs a
/// recorder with separate stamps, so that times are the kernels' alone. Throws kInternal if
/// nothing was recorded.
Profile profile_of(const TraceRecorder& recorder,
                   std::span<const std::shared_ptr<const Plan>> plans);

}  // namespace headrace::tools
