#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "comm/collective.h"
#include "comm/cost.h"
#include "comm/group.h"
#include "core/communicator.h"
#include "core/completion.h"

namespace headrace {
class Blob;
}

namespace headrace::comm {

/// The handle that collective operators communicate through: a Group, and which tickets the run in
/// progress has. Several nets may share one, but only one of them runs at a time.
class CommonWorld final : public Communicator {
 public:
  explicit CommonWorld(std::shared_ptr<Group> group);

  int rank() const override { return group_->rank(); }
  int size() const override { return group_->size(); }
  std::string describe() const override;
  CollectiveChoice choose(std::string_view op_type, size_t count,
                          size_t element_bytes) const override;
  /// Ranks call it in the same order between the same collectives.
  void agree(const std::string& what, const std::string& text) override;
  void add_region(void* data, size_t bytes) override { group_->add_region(data, bytes); }
  void remove_region(void* data) override { group_->remove_region(data); }
  void abort(const std::string& reason) noexcept override { group_->abort(reason); }

  Group& group() { return *group_; }

  /// Starts a collective at its place in the run: with the ticket and in the way that the plan
  /// says, or, with a null `place`, as the next one.
  void start(Collective collective, const CollectivePlace* place, Completion done);

 private:
  uint64_t ticket_of(const CollectivePlace& place);

  std::shared_ptr<Group> group_;
  std::mutex mutex_;
  uint64_t first_ticket_ = 0;
  int tickets_left_ = 0;  // of those reserved for the run
};

/// The common world in a blob, and the other way round. Throws kTypeMismatch if it holds another
/// thing.
std::shared_ptr<CommonWorld> world_in(const Blob& blob);
void put_world(std::shared_ptr<CommonWorld> world, Blob& blob);

}  // namespace headrace::comm
