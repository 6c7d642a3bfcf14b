#include "comm/under_way.h"

#include <utility>

#include <fmt/format.h>

namespace headrace::comm {

std::string UnderWay::Slot::failed_in() const {
  return fmt::format("{} (training step {}, ticket {}) failed in {}", describe(collective),
                     collective.step, ticket, progress.position());
}

void UnderWay::begin(uint64_t ticket, TicketQueue::Entry& entry, Time deadline) {
  const size_t place = ticket % slots_.size();
  Slot& slot = slots_[place];
  slot.active = true;
  slot.ticket = ticket;
  slot.collective = entry.collective;
  slot.done = entry.done;
  slot.deadline = deadline;
  slot.progress.begin(std::move(entry.program), slot.collective, slot.op(),
                      static_cast<int>(place) * lanes_, lanes_);
}

}  // namespace headrace::comm
