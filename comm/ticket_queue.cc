#include "comm/ticket_queue.h"

#include <utility>

#include <fmt/format.h>

#include "core/error.h"

namespace headrace::comm {

uint64_t TicketQueue::reserve(uint64_t count) {
  return std::exchange(reserved_, reserved_ + count);
}

uint64_t TicketQueue::put(Entry entry) {
  uint64_t ticket = entry.collective.ticket;
  if (ticket == kNextTicket) {
    ticket = reserved_++;
  } else {
    if (ticket >= reserved_) {
      fail(ErrorCode::kInvalidArgument, "{}: ticket {} was not reserved; the next one is {}",
           describe(entry.collective), ticket, reserved_);
    }
    if (ticket < next_ || (ticket - next_ < entries_.size() && at(ticket).present)) {
      fail(ErrorCode::kInvalidArgument, "{}: ticket {} was used before", describe(entry.collective),
           ticket);
    }
  }
  while (ticket - next_ >= entries_.size()) grow();
  entry.collective.ticket = ticket;
  entry.present = true;
  at(ticket) = std::move(entry);
  return ticket;
}

void TicketQueue::pop() {
  at(next_).present = false;
  at(next_).program.reset();
  ++next_;
}

bool TicketQueue::is_stuck(std::chrono::steady_clock::time_point now, double timeout,
                           std::string& what) {
  if (front() != nullptr) return false;
  const Entry* oldest = nullptr;
  for (const Entry& entry : entries_) {
    if (entry.present && (oldest == nullptr || entry.since < oldest->since)) oldest = &entry;
  }
  if (oldest == nullptr) return false;
  if (oldest->collective.timeout > 0) timeout = oldest->collective.timeout;
  if (std::chrono::duration<double>(now - oldest->since).count() < timeout) return false;
  what = fmt::format("{} waits for its turn for {:g} s, because ticket {} was never started",
                     describe(oldest->collective), timeout, next_);
  return true;
}

void TicketQueue::grow() {
  std::vector<Entry> larger(entries_.size() * 2);
  for (uint64_t ticket = next_; ticket < next_ + entries_.size(); ++ticket) {
    larger[ticket & (larger.size() - 1)] = std::move(at(ticket));
  }
  entries_ = std::move(larger);
}

}  // namespace headrace::comm
