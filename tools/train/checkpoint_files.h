#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "comm/common_world.h"
#include "tools/train/checkpoint.h"

namespace headrace::tools {

/// Which of a job's checkpoints it is, the same on all ranks. There may be two behind the last
/// iteration of an epoch: before and after it is evaluated.
struct CheckpointId {
  int64_t iteration = 0;
  int64_t epochs = 0;  // evaluated
  auto operator<=>(const CheckpointId&) const = default;
};

CheckpointId id_of(const TrainingState& state);
/// "the checkpoint of iteration 12", or "the checkpoint of iteration 12 with 1 epoch evaluated".
std::string describe(const CheckpointId& id);

/// The checkpoints of one rank in the folder of a job: checkpoint.safetensors, the last one, and
/// best.safetensors, that of the highest test accuracy; previous.safetensors is the one before the
/// last, for as long as another rank may not have written the last one. Rank 1's are called
/// checkpoint-rank1.safetensors, and so on.
///
/// The last one is always whole, whenever the process is killed: either the old or the new one.
class CheckpointFiles {
 public:
  CheckpointFiles(std::filesystem::path folder, int rank);

  std::filesystem::path last() const { return named("checkpoint"); }
  std::filesystem::path previous() const { return named("previous"); }
  std::filesystem::path best() const { return named("best"); }

  struct Found {
    std::optional<Checkpoint> last;
    std::optional<Checkpoint> previous;
    /// Newest first.
    std::vector<CheckpointId> ids() const;
  };
  /// What is there of last() and previous(). Throws what load_checkpoint() does.
  Found load() const;

  /// Writes last(), and keeps the one that was there as previous(). Throws kIo: nothing is lost
  /// then.
  void save(const Checkpoint& checkpoint);
  void save_best(const Checkpoint& checkpoint) { save_checkpoint(checkpoint, best()); }

  /// All ranks have the last one.
  void drop_previous();
  /// Training goes on from previous(), which becomes the last one.
  void go_back();
  void remove_all();

 private:
  std::filesystem::path named(const char* name) const;

  std::filesystem::path folder_;
  int rank_;
  bool has_previous_ = true;  // perhaps
};

/// What ranks go on from together.
struct CommonCheckpoint {
  std::optional<CheckpointId> id;  // nothing: no checkpoint is complete yet
  /// Ranks that do not have the newest one that there is, and that in words; empty if all have it.
  std::vector<size_t> lacking;
  std::string reason;
};

/// The newest checkpoint that all ranks have. `of_rank` is what each of them has, newest first.
/// A job that is killed leaves ranks whose last one is one older than that of others, or, before
/// its first checkpoint was complete, some without any. Throws kCorrupt for anything else, saying
/// who has what.
CommonCheckpoint common_checkpoint(const std::vector<std::vector<CheckpointId>>& of_rank);

/// What each rank has, newest first, two at most; ranks call it together.
std::vector<std::vector<CheckpointId>> gather_ids(comm::Group& group,
                                                  const std::vector<CheckpointId>& mine);

}  // namespace headrace::tools
