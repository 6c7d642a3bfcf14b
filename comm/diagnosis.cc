#include "comm/diagnosis.h"

#include <fmt/format.h>

namespace headrace::comm {

bool Diagnosis::begin_mismatch(int peer, uint32_t op, const std::string& found,
                               const std::string& ours, int rank) {
  const std::lock_guard lock(mutex_);
  if (question_ != Question::kNone) return false;
  question_ = Question::kMismatch;
  op_ = op;
  peer_ = peer;
  rank_ = rank;
  what_ = found;
  ours_ = ours;
  waits_ = 1;
  until_.store(Clock::now() + kPatience);
  return true;
}

bool Diagnosis::begin_timeout(uint32_t op, const std::string& what, const std::string& ours,
                              int rank, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (question_ != Question::kNone) return false;
  question_ = Question::kTimeout;
  op_ = op;
  rank_ = rank;
  what_ = what;
  ours_ = ours;
  waits_ = static_cast<int>(answers_.size()) - 1;
  until_.store(waits_ > 0 ? now + kPatience : now);
  return true;
}

std::optional<Failure> Diagnosis::answered(int peer, uint32_t op, const std::string& description) {
  const std::lock_guard lock(mutex_);
  if (question_ == Question::kNone || question_ == Question::kClosed || op != op_) return {};
  auto& answer = answers_[static_cast<size_t>(peer)];
  if (answer || (question_ == Question::kMismatch && peer != peer_)) return {};
  answer = description;
  if (--waits_ > 0) return {};
  return conclude();
}

std::optional<Failure> Diagnosis::expired(Clock::time_point now) {
  if (now < until_.load()) return {};
  const std::lock_guard lock(mutex_);
  if (question_ == Question::kNone || question_ == Question::kClosed) return {};
  return conclude();
}

Failure Diagnosis::conclude() {
  Failure failure{.code = ErrorCode::kTimeout, .rank = rank_, .reason = what_};
  auto doing = [&](int rank) {
    const auto& answer = answers_[static_cast<size_t>(rank)];
    return fmt::format("rank {}: {}", rank,
                       answer ? *answer : "no answer (it, its machine or the network is frozen)");
  };
  if (question_ == Question::kMismatch) {
    failure.code = ErrorCode::kShapeMismatch;
    failure.rank = peer_;
    failure.reason = fmt::format(
        "ranks {} and {} do not do the same: {}\n  rank {}: {}\n  {}\nAll ranks start the same "
        "collectives in the same order; compare the nets that they run",
        rank_, peer_, what_, rank_, ours_, doing(peer_));
  } else {
    failure.reason += fmt::format("\n  rank {}: {}", rank_, ours_);
    const auto size = static_cast<int>(answers_.size());
    bool silent = false;
    for (int rank = 0; rank < size; ++rank) {
      if (rank == rank_) continue;
      if (!answers_[static_cast<size_t>(rank)] && !silent) {
        silent = true;
        failure.rank = rank;
      }
      failure.reason += "\n  " + doing(rank);
    }
  }
  question_ = Question::kClosed;
  until_.store(Clock::time_point::max());
  return failure;
}

}  // namespace headrace::comm
