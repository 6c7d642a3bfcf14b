#pragma once

#include <chrono>

namespace headrace::comm {

/// How long a waiting thread polls before it sleeps. What is quick is worth polling for, because
/// waking up takes longer; on a slow wire, where something arrives all the time and little of it,
/// polling would only burn the core. So a wait may poll for `spin` without success, and once it has
/// used that up, for a 1024th of its time; and for a 16th of `spin` where the wait before was long,
/// because the wire has not become faster since. The clock is read only when nothing moves, and not
/// each time.
template <typename ClockType>
class BasicSpinBudget {
 public:
  using Clock = ClockType;

  explicit BasicSpinBudget(typename Clock::duration spin, bool after_long = false)
      : spin_(spin), first_(after_long ? spin / 16 : spin) {}

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
    const bool may = stretch < spin_ && spent_ + stretch < first_ + (last_ - began_at_) / 1024;
    if (may) {
      unread_ = kUnread;
    } else {
      moved();  // sleeping is free
    }
    return may;
  }

  /// Whether this wait has taken so long that the time polled at its beginning was of no use.
  bool was_long() const { return began_ && last_ - began_at_ > 64 * spin_; }

 private:
  static constexpr int kUnread = 4;  // looks between two readings of the clock

  using Time = typename Clock::time_point;
  using Duration = typename Clock::duration;

  Duration spin_;
  Duration first_;    // without success, whatever the wait takes
  Duration spent_{};  // in stretches before this one
  Time began_at_, idle_since_, last_;
  bool began_ = false;
  bool idle_ = false;
  int unread_ = 0;  // looks before the clock is read again
};

using SpinBudget = BasicSpinBudget<std::chrono::steady_clock>;

}  // namespace headrace::comm
