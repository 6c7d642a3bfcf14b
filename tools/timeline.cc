#include "tools/timeline.h"

#include <spdlog/spdlog.h>

#include "tools/output_file.h"
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

CommunicationTime Timeline::write(const std::filesystem::path& path,
                                  const PlanTraceOptions& options) const {
  const auto file = file_of_rank(path, options.rank);
  const PlanTraceSummary summary = write_plan_trace(file, recorder_, plans_, options);
  spdlog::info("timeline of {} in {}: open it in https://ui.perfetto.dev",
               plural(summary.runs, "run"), file.native());
  if (summary.left_out > 0) {
    spdlog::info("{} before them left out", plural(summary.left_out, "run"));
  }
  const CommunicationTime time = communication_time(recorder_, plans_, summary.left_out);
  if (time.any()) {
    const auto runs = static_cast<double>(time.runs);
    spdlog::info(
        "communication per run of {}: {} hidden behind computation ({:.1f} %), {} exposed, which "
        "is "
        "{:.2f} % of the run",
        duration_text(time.seconds / runs), duration_text(time.hidden / runs),
        100 * time.hidden_share(), duration_text(time.exposed / runs), 100 * time.exposed_share());
  }
  return time;
}

}  // namespace headrace::tools
