#include "comm/inproc_meeting.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "core/error.h"

namespace headrace::comm {
namespace {

/// Groups that rank 0 has made, until every rank has taken its own.
class Meetings {
 public:
  std::string add(std::vector<std::unique_ptr<Group>> groups) {
    const std::lock_guard lock(mutex_);
    // The process belongs to the name, so that another one cannot take it for its own.
    std::string id = fmt::format("inproc:{}:{}", getpid(), next_++);
    meetings_.emplace(id, std::move(groups));
    return id;
  }

  std::unique_ptr<Group> take(const std::string& id, int rank, int size) {
    const std::lock_guard lock(mutex_);
    const auto found = meetings_.find(id);
    require(found != meetings_.end(), ErrorCode::kState,
            "the group '{}' is not one of this process: the transport inproc connects threads only",
            id);
    std::vector<std::unique_ptr<Group>>& groups = found->second;
    require(static_cast<int>(groups.size()) == size, ErrorCode::kInvalidArgument,
            "rank 0 has made a world of {} ranks, rank {} expects {}", groups.size(), rank, size);
    require(groups[static_cast<size_t>(rank)] != nullptr, ErrorCode::kState,
            "rank {} is taken already", rank);
    std::unique_ptr<Group> group = std::move(groups[static_cast<size_t>(rank)]);
    if (std::ranges::all_of(groups, [](const auto& other) { return other == nullptr; })) {
      meetings_.erase(found);
    }
    return group;
  }

 private:
  std::mutex mutex_;
  int64_t next_ = 0;
  std::map<std::string, std::vector<std::unique_ptr<Group>>> meetings_;
};

Meetings& meetings() {
  static Meetings instance;
  return instance;
}

}  // namespace

std::shared_ptr<Group> meet_in_process(const JoinOptions& options, const GroupOptions& group,
                                       Store& store) {
  const std::string key = "inproc";
  std::string id;
  if (options.rank == 0) {
    id = meetings().add(make_inproc_groups(options.size, group));
    store.set(key, id);
  } else {
    const auto found = store.wait(key, deadline_in(options.timeout));
    require(found.has_value(), ErrorCode::kTimeout,
            "rank 0 of the world '{}' has not come within {} s", options.name, options.timeout);
    id = *found;
  }
  return meetings().take(id, options.rank, options.size);
}

}  // namespace headrace::comm
