#include "comm/common_world.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "comm/default_choice.h"
#include "comm/planned_world.h"
#include "comm/text_difference.h"
#include "core/blob.h"
#include "core/error.h"

namespace headrace::comm {
namespace {

/// FNV-1a, so that the hash is the same in every process and version.
uint64_t hash_of(const std::string& text) {
  uint64_t hash = 14695981039346656037u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash;
}

/// Everybody's `mine`, by rank.
std::vector<int64_t> gather_numbers(Group& group, int64_t mine, const char* name) {
  std::vector<int64_t> all(static_cast<size_t>(group.size()));
  all[static_cast<size_t>(group.rank())] = mine;
  group.run({.kind = Kind::kAllgather,
             .dtype = DType::kInt64,
             .data = all.data(),
             .count = all.size(),
             .name = name});
  return all;
}

/// Everybody's text, by rank.
std::vector<std::string> gather_texts(Group& group, const std::string& mine, const char* name) {
  const std::vector<int64_t> lengths =
      gather_numbers(group, static_cast<int64_t>(mine.size()), name);
  const size_t longest = static_cast<size_t>(std::ranges::max(lengths));
  const size_t words = longest / sizeof(int64_t) + 1;
  std::vector<int64_t> all(words * lengths.size());
  std::ranges::copy(mine, reinterpret_cast<char*>(&all[words * static_cast<size_t>(group.rank())]));
  group.run({.kind = Kind::kAllgather,
             .dtype = DType::kInt64,
             .data = all.data(),
             .count = all.size(),
             .name = name});
  std::vector<std::string> texts;
  for (size_t rank = 0; rank < lengths.size(); ++rank) {
    texts.emplace_back(reinterpret_cast<const char*>(&all[words * rank]),
                       static_cast<size_t>(lengths[rank]));
  }
  return texts;
}

}  // namespace

CommonWorld::CommonWorld(std::shared_ptr<Group> group) : group_(std::move(group)) {}

std::string CommonWorld::describe() const {
  return fmt::format("{} rank{} over {}", size(), size() == 1 ? "" : "s",
                     group_->transport().name());
}

CollectiveChoice CommonWorld::choose(std::string_view op_type, size_t count,
                                     size_t element_bytes) const {
  return plan_collective(op_type, count, element_bytes,
                         layout_of(group_->transport(), group_->options().ranks_per_host),
                         *group_->options().costs);
}

void CommonWorld::agree(const std::string& what, const std::string& text) {
  if (size() == 1) return;
  const auto hash = static_cast<int64_t>(hash_of(text));
  const std::vector<int64_t> hashes = gather_numbers(*group_, hash, "comparison of plans");
  if (std::ranges::all_of(hashes, [&](int64_t other) { return other == hashes.front(); })) return;
  const std::vector<std::string> texts = gather_texts(*group_, text, "comparison of plans");
  std::string message = fmt::format("the ranks do not have the same {}:", what);
  for (size_t rank = 1; rank < texts.size(); ++rank) {
    if (texts[rank] == texts.front()) continue;
    message += "\n" + describe_difference(texts.front(), "rank 0", texts[rank],
                                          fmt::format("rank {}", rank));
    break;
  }
  group_->barrier("comparison of plans");  // all know it now
  fail(ErrorCode::kInvalidNet, "{}\nRun the same nets with the same options on all ranks", message);
}

uint64_t CommonWorld::ticket_of(const CollectivePlace& place) {
  const std::lock_guard lock(mutex_);
  // The first collective of a run, whichever it is, takes the tickets for all.
  if (tickets_left_ == 0) {
    first_ticket_ = group_->reserve(static_cast<uint64_t>(place.count));
    tickets_left_ = place.count;
  }
  --tickets_left_;
  return first_ticket_ + static_cast<uint64_t>(place.index);
}

void CommonWorld::start(Collective collective, const CollectivePlace* place, Completion done) {
  if (place != nullptr) {
    collective.ticket = ticket_of(*place);
    // What was chosen is for the operator's collective, not for the barrier in its place where
    // nobody reads the result.
    if (!place->choice.algorithm.empty() && collective.kind != Kind::kBarrier) {
      collective.algorithm = algorithm_named(place->choice.algorithm);
      collective.segment = place->choice.segment;
    }
  }
  group_->start(collective, done);
}

std::shared_ptr<CommonWorld> world_in(const Blob& blob) {
  auto world = std::dynamic_pointer_cast<CommonWorld>(blob.handle<Communicator>(kCommonWorld));
  require(world != nullptr, ErrorCode::kTypeMismatch,
          "expected a common world that was made by CreateCommonWorld");
  return world;
}

void put_world(std::shared_ptr<CommonWorld> world, Blob& blob) {
  blob.set_handle(std::shared_ptr<Communicator>(std::move(world)), kCommonWorld);
}

}  // namespace headrace::comm
