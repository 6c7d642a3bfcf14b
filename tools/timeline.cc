#include "tools/timeline.h"

#include <spdlog/spdlog.h>

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

void Timeline::write(const std::filesystem::path& path, const ChromeTraceOptions& options) const {
  const ChromeTraceSummary summary = write_chrome_trace(path, recorder_, plans_, options);
  spdlog::info("timeline of {} run{} ({} operators) in {}: open it in https://ui.perfetto.dev",
               summary.runs, summary.runs == 1 ? "" : "s", summary.events, path.native());
  if (summary.left_out > 0) spdlog::info("{} earlier runs are not in it", summary.left_out);
}

}  // namespace headrace::tools
