#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "core/thread_pool.h"
#include "core/trace.h"
#include "graph/communication_time.h"
#include "graph/plan_trace.h"
#include "graph/session.h"
#include "tools/profile.h"

namespace headrace::tools {

/// What --trace asks for: records the runs of sessions, one at a time, and writes their timeline.
class Timeline {
 public:
  explicit Timeline(const ThreadPool& pool, TraceOptions options = {});

  TraceRecorder& recorder() { return recorder_; }

  /// Call before each run of a session whose settings hold recorder().
  void will_run(Session& session);

  /// Times of the operators; asks for `separate_stamps`.
  Profile profile() const { return profile_of(recorder_, plans_); }

  /// Nothing has run: there is nothing to write.
  bool empty() const { return plans_.empty(); }

  /// Writes the last runs and says on stderr what is in the file, and what communication cost in
  /// them. Of several ranks each writes a file of its own, as file_of_rank() says.
  CommunicationTime write(const std::filesystem::path& path,
                          const PlanTraceOptions& options = {}) const;

 private:
  TraceRecorder recorder_;
  std::vector<std::shared_ptr<const Plan>> plans_;  // one per run
};

}  // namespace headrace::tools
