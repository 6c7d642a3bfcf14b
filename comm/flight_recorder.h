#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "comm/collective.h"
#include "comm/progress.h"

namespace headrace::comm {

/// What the last collectives of one rank were and how far they came, for whoever asks after a
/// failure. Always on. One thread at a time, but for write(): the group has a lock for what is
/// queued anyway, and another one here would take a tenth of a short allreduce.
class FlightRecorder {
 public:
  static constexpr size_t kCapacity = 1024;

  explicit FlightRecorder(int rank);

  using Time = std::chrono::steady_clock::time_point;

  void submitted(const Collective& collective, uint64_t ticket, Time now);
  void started(uint64_t ticket, size_t steps, Time now);
  void waits(uint64_t ticket, uint32_t step, const Progress::Wait& wait);
  void ended(uint64_t ticket, uint32_t step, bool failed);

  /// One line about the collective whose ticket ends in `op`: what it is and how far it came; or
  /// that it is not known here, and what the last one is.
  std::string describe(uint32_t op) const;

  /// All of them, oldest first.
  std::string json(const std::string& failure) const;

  /// Writes that as headrace-rank<R>-collectives.json into `folder`. A record that cannot be
  /// written is reported on stderr: there is a failure on its way already, which must not be hidden
  /// by this.
  void write(const std::filesystem::path& folder, const std::string& record) const;

 private:
  enum class State : uint8_t { kEmpty, kQueued, kRunning, kDone, kFailed };

  struct Entry {
    State state = State::kEmpty;
    uint64_t ticket = 0;
    Collective collective;
    std::array<char, 64> name{};
    size_t steps = 0;
    uint32_t step = 0;
    Progress::Wait wait;
    Time submitted, started, ended;
  };

  Entry* find(uint64_t ticket);
  static std::string line(const Entry& entry);
  static const char* name_of(State state);

  const int rank_;
  std::unique_ptr<std::array<Entry, kCapacity>> entries_;
  uint64_t last_ = 0;  // ticket
  bool any_ = false;
};

}  // namespace headrace::comm
