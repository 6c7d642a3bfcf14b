#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "comm/collective.h"
#include "comm/progress.h"
#include "comm/ticket_queue.h"
#include "comm/transport/transport.h"
#include "core/completion.h"

namespace headrace::comm {

/// The collectives that a group has under way: ticket t in place t mod c of c, each with lanes of
/// its own. Used by whoever moves messages; allocates nothing that stays for the next one.
class UnderWay {
 public:
  using Time = std::chrono::steady_clock::time_point;

  struct Slot {
    bool active = false;
    uint64_t ticket = 0;
    Collective collective;
    Progress progress;
    Completion done;
    Time deadline;

    uint32_t op() const { return static_cast<uint32_t>(ticket); }
    /// "allreduce ... (training step 3, ticket 17) failed in step 2 of 6, ..."
    std::string failed_in() const;
  };

  UnderWay(int concurrent, int lanes)
      : slots_(static_cast<size_t>(concurrent)), lanes_(lanes / concurrent) {}

  /// Whether the place of a ticket is free.
  bool has_room(uint64_t ticket) const { return !slots_[ticket % slots_.size()].active; }

  /// Takes the program of the entry.
  void begin(uint64_t ticket, TicketQueue::Entry& entry, Time deadline);

  /// Takes each as far as it goes, and calls ended(slot) for those that have ended. True if
  /// anything moved.
  template <typename F>
  bool advance(Transport& transport, F ended) {
    bool moved = false;
    for (Slot& slot : slots_) {
      if (!slot.active) continue;
      const uint32_t before = slot.progress.step();
      const bool ends = slot.progress.advance(transport);
      moved |= ends || slot.progress.step() != before;
      if (!ends) continue;
      ended(slot);
      slot.active = false;
    }
    return moved;
  }

  template <typename F>
  void for_each(F f) const {
    for (const Slot& slot : slots_) {
      if (slot.active) f(slot);
    }
  }

  /// Calls f(slot) for each and forgets it.
  template <typename F>
  void clear(F f) {
    for (Slot& slot : slots_) {
      if (!slot.active) continue;
      f(slot);
      slot.active = false;
    }
  }

 private:
  std::vector<Slot> slots_;
  int lanes_;  // of each
};

}  // namespace headrace::comm
