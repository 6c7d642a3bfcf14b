#include "comm/flight_recorder.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/atomic_file.h"

namespace headrace::comm {

FlightRecorder::FlightRecorder(int rank)
    : rank_(rank), entries_(std::make_unique<std::array<Entry, kCapacity>>()) {}

FlightRecorder::Entry* FlightRecorder::find(uint64_t ticket) {
  Entry& entry = (*entries_)[ticket % kCapacity];
  return entry.state != State::kEmpty && entry.ticket == ticket ? &entry : nullptr;
}

void FlightRecorder::submitted(const Collective& collective, uint64_t ticket, Time now) {
  Entry& entry = (*entries_)[ticket % kCapacity];
  entry.state = State::kQueued;
  entry.ticket = ticket;
  entry.collective = collective;
  const size_t length = std::min(std::strlen(collective.name), entry.name.size() - 1);
  std::memcpy(entry.name.data(), collective.name, length);
  entry.name[length] = '\0';
  entry.collective.name = entry.name.data();
  entry.steps = 0;
  entry.step = 0;
  entry.wait = {};
  entry.submitted = now;
  entry.started = entry.ended = {};
  last_ = any_ ? std::max(last_, ticket) : ticket;
  any_ = true;
}

void FlightRecorder::started(uint64_t ticket, size_t steps, Time now) {
  if (Entry* entry = find(ticket)) {
    entry->state = State::kRunning;
    entry->steps = steps;
    entry->started = now;
  }
}

void FlightRecorder::waits(uint64_t ticket, uint32_t step, const Progress::Wait& wait) {
  if (Entry* entry = find(ticket)) {
    entry->step = step;
    entry->wait = wait;
  }
}

void FlightRecorder::ended(uint64_t ticket, uint32_t step, bool failed) {
  const auto now = std::chrono::steady_clock::now();
  if (Entry* entry = find(ticket)) {
    entry->state = failed ? State::kFailed : State::kDone;
    entry->step = step;
    entry->ended = now;
  }
}

const char* FlightRecorder::name_of(State state) {
  switch (state) {
    case State::kEmpty:
      return "empty";
    case State::kQueued:
      return "queued";
    case State::kRunning:
      return "running";
    case State::kDone:
      return "done";
    case State::kFailed:
      return "failed";
  }
  return "?";
}

std::string FlightRecorder::line(const Entry& entry) {
  std::string text = comm::describe(entry.collective);
  switch (entry.state) {
    case State::kQueued:
      return text + ", which waits for its turn";
    case State::kDone:
      return text + ", which has ended";
    default:
      break;
  }
  text += fmt::format(", step {} of {}", entry.step, entry.steps);
  if (entry.wait.peer >= 0) {
    text += fmt::format(", {} rank {} ({} of {} bytes)",
                        entry.wait.sending ? "sending to" : "receiving from", entry.wait.peer,
                        entry.wait.moved, entry.wait.bytes);
  }
  return text;
}

std::string FlightRecorder::describe(uint32_t op) const {
  for (const Entry& entry : *entries_) {
    if (entry.state != State::kEmpty && static_cast<uint32_t>(entry.ticket) == op) {
      return line(entry);
    }
  }
  if (!any_) return "nothing yet";
  return "nothing of this ticket; its last is " + line((*entries_)[last_ % kCapacity]);
}

std::string FlightRecorder::json(const std::string& failure) const {
  const auto steady = std::chrono::steady_clock::now();
  const auto unix_time = std::chrono::system_clock::now();
  auto microseconds = [&](std::chrono::steady_clock::time_point time) -> nlohmann::json {
    if (time == std::chrono::steady_clock::time_point{}) return nullptr;
    const auto at = unix_time.time_since_epoch() - (steady - time);
    return std::chrono::duration_cast<std::chrono::microseconds>(at).count();
  };
  nlohmann::json all = nlohmann::json::array();
  std::array<const Entry*, kCapacity> order{};
  size_t count = 0;
  for (const Entry& entry : *entries_) {
    if (entry.state != State::kEmpty) order[count++] = &entry;
  }
  std::sort(order.begin(), order.begin() + static_cast<ptrdiff_t>(count),
            [](const Entry* a, const Entry* b) { return a->ticket < b->ticket; });
  for (size_t i = 0; i < count; ++i) {
    const Entry& entry = *order[i];
    const Collective& c = entry.collective;
    nlohmann::json item{{"ticket", entry.ticket},
                        {"name", entry.name.data()},
                        {"training_step", c.step},
                        {"kind", comm::name_of(c.kind)},
                        {"algorithm", comm::name_of(c.algorithm)},
                        {"dtype", headrace::name_of(c.dtype)},
                        {"count", c.count},
                        {"segment", c.segment},
                        {"state", name_of(entry.state)},
                        {"step", entry.step},
                        {"steps", entry.steps},
                        {"submitted_us", microseconds(entry.submitted)},
                        {"started_us", microseconds(entry.started)},
                        {"ended_us", microseconds(entry.ended)}};
    if (entry.wait.peer >= 0 && entry.state != State::kDone) {
      item["waits_for_rank"] = entry.wait.peer;
      item["sending"] = entry.wait.sending;
      item["moved_bytes"] = entry.wait.moved;
      item["message_bytes"] = entry.wait.bytes;
    }
    all.push_back(std::move(item));
  }
  nlohmann::json document{{"rank", rank_}, {"collectives", std::move(all)}};
  if (!failure.empty()) document["failure"] = failure;
  return document.dump(1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void FlightRecorder::write(const std::filesystem::path& folder, const std::string& record) const {
  try {
    AtomicFile file(folder / fmt::format("headrace-rank{}-collectives.json", rank_));
    file.write(record);
    file.commit();
  } catch (const std::exception& error) {
    fmt::print(stderr, "rank {}: the record of its last collectives is lost: {}\n", rank_,
               error.what());
  }
}

}  // namespace headrace::comm
