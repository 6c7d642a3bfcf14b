#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "comm/transport/transport.h"

namespace headrace::comm {

/// Finds out what the other ranks were doing when a collective did not end or messages did not fit,
/// so that the failure names who is at fault: peers are asked, and after a moment the answers, or
/// their absence, make up the reason. The first question counts. Thread-safe; it sends nothing
/// itself.
class Diagnosis {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr auto kPatience = std::chrono::milliseconds(300);

  explicit Diagnosis(int size) : answers_(static_cast<size_t>(size)) {}

  /// A message that was not expected came from `peer`, which is to be asked what collective `op`
  /// is, to which it belongs; `ours` is what this rank knows of that. False if a question is open
  /// already.
  bool begin_mismatch(int peer, uint32_t op, const std::string& found, const std::string& ours,
                      int rank);

  /// A collective did not end in time; all peers are to be asked.
  bool begin_timeout(uint32_t op, const std::string& what, const std::string& ours, int rank,
                     Clock::time_point now);

  /// The failure, once the last answer is there.
  std::optional<Failure> answered(int peer, uint32_t op, const std::string& description);

  /// The failure, once the time for answers is over.
  std::optional<Failure> expired(Clock::time_point now);

  /// When that will be; far away while nothing is asked.
  Clock::time_point until() const { return until_.load(); }

 private:
  enum class Question { kNone, kMismatch, kTimeout, kClosed };
  Failure conclude();

  mutable std::mutex mutex_;
  Question question_ = Question::kNone;
  uint32_t op_ = 0;
  int rank_ = -1;
  int peer_ = -1;  // who sent what does not fit
  int waits_ = 0;  // for so many answers
  std::string what_;
  std::string ours_;
  std::vector<std::optional<std::string>> answers_;
  std::atomic<Clock::time_point> until_{Clock::time_point::max()};
};

}  // namespace headrace::comm
