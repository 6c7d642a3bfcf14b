#pragma once

#include <chrono>

namespace headrace::comm {

/// How long a waiting thread polls before it sleeps. What is quick is worth polling for, because
/// waking up takes longer; on a slow wire, where something arrives all the time and little of it,
/// polling would only burn the core. So a wait may poll for `spin` without success, and once it has
/// used that up, for a 256th of its time. The clock is read only when nothing moves, and not each
/// time.
class SpinBudget {
 public:
  using Clock = std::chrono::steady_clock;

  explicit SpinBudget(Clock::duration spin) : spin_(spin) {}

  void moved() {
    if (!idle_) return;
    idle_ = false;
    unread_ = 0;
    spent_ += last_ - idle_since_;
  }

  /// Whether to look again at once, after nothing has moved; false: to sleep.
  bool may_spin() {
    if (unread_ > 0) {
      --unread_;
      return true;
    }
    last_ = Clock::now();
    if (!began_) {
      began_ = true;
      began_at_ = last_;
    }
    if (!idle_) {
      idle_ = true;
      idle_since_ = last_;
    }
    const auto stretch = last_ - idle_since_;
    const bool may = stretch < spin_ && spent_ + stretch < spin_ + (last_ - began_at_) / 256;
    if (may) {
      unread_ = kUnread;
    } else {
      moved();  // sleeping is free
    }
    return may;
  }

 private:
  static constexpr int kUnread = 4;  // looks between two readings of the clock

  Clock::duration spin_;
  Clock::duration spent_{};  // in stretches before this one
  Clock::time_point began_at_, idle_since_, last_;
  bool began_ = false;
  bool idle_ = false;
  int unread_ = 0;  // looks before the clock is read again
};

}  // namespace headrace::comm
