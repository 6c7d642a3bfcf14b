#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/trace.h"
#include "graph/plan.h"

namespace headrace {

struct ChromeTraceOptions {
  std::string process = "headrace";  // what the viewer calls the process
  int rank = 0;
  int world = 1;
  /// The last runs that are kept whole, at most.
  size_t runs = 100;
  /// Number of the first run in the names of steps.
  int64_t first_step = 0;
};

/// What a timeline holds and what it had to leave out.
struct ChromeTraceSummary {
  size_t runs = 0;      // written
  size_t events = 0;    // executions of operators in them
  size_t left_out = 0;  // runs recorded in part only, or before the last ones asked for
};

/// Writes what was recorded as a JSON timeline in the dialect of PyTorch's Kineto, atomically: one
/// lane per compute thread, one for the steps, further ones for asynchronous and blocking
/// operators, which may overlap. Opens in ui.perfetto.dev; loads into Holistic Trace Analysis.
///
/// `plans[i]` is what run i of the recorder executed.
ChromeTraceSummary write_chrome_trace(const std::filesystem::path& path,
                                      const TraceRecorder& recorder,
                                      std::span<const std::shared_ptr<const Plan>> plans,
                                      const ChromeTraceOptions& options = {});

}  // namespace headrace
