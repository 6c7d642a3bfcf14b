#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "comm/collective.h"
#include "comm/program.h"
#include "core/completion.h"

namespace headrace::comm {

/// Collectives that wait for their turn, in the order of their tickets. Not thread-safe. Allocates
/// only when more wait than ever before.
class TicketQueue {
 public:
  struct Entry {
    bool present = false;
    Collective collective;
    std::shared_ptr<const Program> program;
    Completion done;
    std::chrono::steady_clock::time_point since;
  };

  TicketQueue() : entries_(64) {}

  /// The next `count` tickets; the first of them.
  uint64_t reserve(uint64_t count);

  /// The ticket that is to be started next.
  uint64_t next() const { return next_; }

  /// Takes a collective, and its next ticket if it has none; returns the ticket. Throws
  /// kInvalidArgument for one that was not reserved, or was used before.
  uint64_t put(Entry entry);

  /// The collective of next(), if it is there; it stays until pop().
  Entry* front() { return at(next_).present ? &at(next_) : nullptr; }
  void pop();

  /// Whether a collective has waited for its turn longer than its timeout (`timeout` seconds where
  /// it has none) because the next ticket was never put; `what` says so.
  bool is_stuck(std::chrono::steady_clock::time_point now, double timeout, std::string& what);

  /// Calls f(entry) for each and forgets them.
  template <typename F>
  void clear(F f) {
    for (Entry& entry : entries_) {
      if (!entry.present) continue;
      entry.present = false;
      f(entry);
    }
  }

 private:
  Entry& at(uint64_t ticket) { return entries_[ticket & (entries_.size() - 1)]; }
  void grow();

  uint64_t reserved_ = 0;
  uint64_t next_ = 0;
  std::vector<Entry> entries_;  // by ticket, from next_ on; a power of two of them
};

}  // namespace headrace::comm
