#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "core/trace.h"
#include "graph/plan.h"

namespace headrace {

struct PlanTraceOptions {
  std::string process = "headrace";  // what the viewer calls the process
  int rank = 0;
  int world = 1;
  std::int64_t runs = 100;  // the last ones, at most
};

/// Which of the recorded runs a timeline holds.
struct PlanTraceSummary {
  std::int64_t runs = 0;
  std::int64_t left_out = 0;  // earlier ones
};

/// Writes a timeline of the last runs (see write_kineto_trace) with operators by type and name,
/// their operands, estimated work, and arrows along the data. `plans[i]` is what run i of the
/// recorder executed: runs of several nets, one after the other, are one timeline. Runs that were
/// overwritten in part are left out.
PlanTraceSummary write_plan_trace(const std::filesystem::path& path, const TraceRecorder& recorder,
                                  std::span<const std::shared_ptr<const Plan>> plans,
                                  const PlanTraceOptions& options = {});

}  // namespace headrace
