#include "tools/train/checkpoint_files.h"

#include <algorithm>
#include <array>
#include <map>
#include <system_error>

#include <fmt/ranges.h>

#include "core/error.h"
#include "tools/text/units.h"

namespace headrace::tools {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMost = 2;  // checkpoints that a rank has

std::optional<Checkpoint> load_if_there(const fs::path& path) {
  if (!fs::exists(path)) return std::nullopt;
  return load_checkpoint(path);
}

/// "rank 1", "ranks 1, 4", "ranks 0, 1, 2, 3 and 60 more".
std::string list_ranks(const std::vector<size_t>& ranks) {
  constexpr size_t kShown = 4;
  const size_t shown = std::min(ranks.size(), kShown);
  std::string text = fmt::format("rank{} {}", ranks.size() == 1 ? "" : "s",
                                 fmt::join(ranks.begin(), ranks.begin() + shown, ", "));
  if (shown < ranks.size()) text += fmt::format(" and {} more", ranks.size() - shown);
  return text;
}

/// A line for each combination of checkpoints that some ranks have.
std::string who_has_what(const std::vector<std::vector<CheckpointId>>& of_rank) {
  std::map<std::vector<CheckpointId>, std::vector<size_t>> groups;
  for (size_t rank = 0; rank < of_rank.size(); ++rank) groups[of_rank[rank]].push_back(rank);
  std::string text;
  for (const auto& [ids, ranks] : groups) {
    std::vector<std::string> names;
    for (const CheckpointId& id : ids) names.push_back(describe(id));
    text += fmt::format("\n  {}: {}", list_ranks(ranks),
                        names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")));
  }
  return text;
}

}  // namespace

CheckpointId id_of(const TrainingState& state) {
  return {.iteration = state.iteration, .epochs = static_cast<int64_t>(state.epochs.size())};
}

std::string describe(const CheckpointId& id) {
  std::string text = "the checkpoint of iteration " + count_text(id.iteration);
  if (id.epochs > 0) text += fmt::format(" with {} evaluated", plural(id.epochs, "epoch"));
  return text;
}

CheckpointFiles::CheckpointFiles(fs::path folder, int rank)
    : folder_(std::move(folder)), rank_(rank) {}

fs::path CheckpointFiles::named(const char* name) const {
  const std::string of_rank = rank_ == 0 ? "" : fmt::format("-rank{}", rank_);
  return folder_ / fmt::format("{}{}.safetensors", name, of_rank);
}

std::vector<CheckpointId> CheckpointFiles::Found::ids() const {
  std::vector<CheckpointId> ids;
  for (const auto* checkpoint : {&last, &previous}) {
    if (*checkpoint) ids.push_back(id_of((*checkpoint)->state));
  }
  // The last one may have been kept, and then not been replaced.
  ids.erase(std::ranges::unique(ids).begin(), ids.end());
  return ids;
}

CheckpointFiles::Found CheckpointFiles::load() const {
  return {.last = load_if_there(last()), .previous = load_if_there(previous())};
}

void CheckpointFiles::save(const Checkpoint& checkpoint) {
  drop_previous();
  if (fs::exists(last())) {
    has_previous_ = true;
    std::error_code failed;
    fs::create_hard_link(last(), previous(), failed);
    // Not every file system has links. For the moment of writing there is no last one then.
    if (failed) fs::rename(last(), previous(), failed);
    require(!failed, ErrorCode::kIo, "cannot keep '{}' as '{}': {}", last().native(),
            previous().native(), failed.message());
  }
  save_checkpoint(checkpoint, last());
}

void CheckpointFiles::drop_previous() {
  if (!has_previous_) return;
  std::error_code failed;
  fs::remove(previous(), failed);
  require(!failed, ErrorCode::kIo, "cannot remove '{}': {}", previous().native(), failed.message());
  has_previous_ = false;
}

void CheckpointFiles::go_back() {
  std::error_code failed;
  fs::rename(previous(), last(), failed);
  require(!failed, ErrorCode::kIo, "cannot rename '{}' to '{}': {}", previous().native(),
          last().native(), failed.message());
  has_previous_ = false;
}

void CheckpointFiles::remove_all() {
  for (const fs::path& path : {last(), previous(), best()}) {
    std::error_code failed;
    fs::remove(path, failed);
    require(!failed, ErrorCode::kIo, "cannot remove '{}': {}", path.native(), failed.message());
  }
  has_previous_ = false;
}

CommonCheckpoint common_checkpoint(const std::vector<std::vector<CheckpointId>>& of_rank) {
  std::map<CheckpointId, size_t> owners;  // how many ranks have it
  for (const auto& ids : of_rank) {
    for (const CheckpointId& id : ids) ++owners[id];
  }
  if (owners.empty()) return {};
  const CheckpointId newest = owners.rbegin()->first;
  std::vector<size_t> lacking;
  for (size_t rank = 0; rank < of_rank.size(); ++rank) {
    if (std::ranges::find(of_rank[rank], newest) == of_rank[rank].end()) lacking.push_back(rank);
  }
  CommonCheckpoint common{.lacking = lacking};
  if (!lacking.empty()) {
    common.reason = fmt::format("{} {} not {}", list_ranks(lacking),
                                lacking.size() == 1 ? "has" : "have", describe(newest));
  }
  for (auto entry = owners.rbegin(); entry != owners.rend(); ++entry) {
    if (entry->second < of_rank.size()) continue;
    common.id = entry->first;
    return common;
  }
  // Before the second one is begun everybody has the first.
  const bool first = owners.size() == 1;
  require(first, ErrorCode::kCorrupt,
          "there is no checkpoint that all ranks have; files are missing, or are those of another "
          "job:{}\nPut the missing ones back, or begin anew with --overwrite",
          who_has_what(of_rank));
  return common;
}

std::vector<std::vector<CheckpointId>> gather_ids(comm::Group& group,
                                                  const std::vector<CheckpointId>& mine) {
  constexpr size_t kWords = 1 + 2 * kMost;
  const auto size = static_cast<size_t>(group.size());
  std::vector<int64_t> all(kWords * size);
  int64_t* place = &all[kWords * static_cast<size_t>(group.rank())];
  *place++ = static_cast<int64_t>(mine.size());
  for (const CheckpointId& id : mine) {
    *place++ = id.iteration;
    *place++ = id.epochs;
  }
  group.run({.kind = comm::Kind::kAllgather,
             .dtype = DType::kInt64,
             .data = all.data(),
             .count = all.size(),
             .name = "comparison of checkpoints"});
  group.barrier("comparison of checkpoints");  // all know it now, and may come to grief over it
  std::vector<std::vector<CheckpointId>> of_rank(size);
  for (size_t rank = 0; rank < size; ++rank) {
    const int64_t* words = &all[kWords * rank];
    for (int64_t i = 0; i < words[0]; ++i) {
      of_rank[rank].push_back({.iteration = words[1 + 2 * i], .epochs = words[2 + 2 * i]});
    }
  }
  return of_rank;
}

}  // namespace headrace::tools
