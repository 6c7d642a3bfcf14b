#include "tools/timeline.h"

#include <spdlog/spdlog.h>

#include "tools/text/units.h"

namespace headrace::tools {

namespace {

TraceOptions with_workers(TraceOptions options, const ThreadPool& pool) {
  options.workers = pool.threads();
  return options;
}

}  // namespace

Timeline::Timeline(const ThreadPool& pool, TraceOptions options)
    : recorder_(with_workers(options, pool)) {}

void Timeline::will_run(Session& session) { plans_.push_back(session.plan().shared_from_this()); }

void Timeline::write(const std::filesystem::path& path, const PlanTraceOptions& options) const {
  const PlanTraceSummary summary = write_plan_trace(path, recorder_, plans_, options);
  spdlog::info("timeline of {} in {}: open it in https://ui.perfetto.dev",
               plural(summary.runs, "run"), path.native());
  if (summary.left_out > 0) {
    spdlog::info("{} before them left out", plural(summary.left_out, "run"));
  }
}

}  // namespace headrace::tools
