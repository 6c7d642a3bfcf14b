#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "comm/collective.h"
#include "comm/program.h"
#include "comm/transport/transport.h"

namespace headrace::comm {

/// The interpreter: one collective on its way, a step after the other. Reused for one collective
/// after the other; memory grows to what the largest one needs and stays.
class Progress {
 public:
  Progress() = default;
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Messages go over the lanes [lane, lane + lanes), in turns. `op` names the collective in them.
  void begin(std::shared_ptr<const Program> program, const Collective& collective, uint32_t op,
             int lane, int lanes);

  /// Goes as far as it can without waiting. True when everything is done.
  bool advance(Transport& transport);

  const Program& program() const { return *program_; }

  // How far it is; from any thread.
  uint32_t step() const { return at_.load(std::memory_order_relaxed); }

  /// The peer it waits for, -1 if none, and of how many bytes how many have arrived. Only where
  /// advance() is called.
  struct Wait {
    int peer = -1;
    bool sending = false;
    size_t moved = 0;
    size_t bytes = 0;
  };
  Wait waits_for() const;

  /// "step 2 of 6, receiving from rank 1, 0 of 64 bytes done".
  std::string position() const;

 private:
  struct Place {
    Message message;
    bool used = false;
  };

  /// What the messages of both directions have in common.
  void set_up(Message& message, const Program::Step& step) const;
  std::byte* address(Buffer buffer, size_t at, size_t element) const;
  bool sends_done_from(Buffer buffer, const Range& range) const;
  bool send(Transport& transport, const Program::Step& step);
  bool receive(Transport& transport, const Program::Step& step);
  void reduce(const Program::Step& step) const;
  static void take_reduced(Message& message, const std::byte* bytes, size_t offset, size_t count);
  static void take_decoded(Message& message, const std::byte* bytes, size_t offset, size_t count);

  struct Received : Message {
    const Progress* owner = nullptr;
    const Program::Step* step = nullptr;
  };

  std::shared_ptr<const Program> program_;
  std::byte* data_ = nullptr;
  const std::byte* input_ = nullptr;
  uint32_t op_ = 0;
  int lane_ = 0;
  int lanes_ = 1;
  size_t element_ = 0;       // bytes in the caller's buffers
  size_t wire_element_ = 0;  // bytes on the wire and in scratch

  std::atomic<uint32_t> at_{0};
  bool posted_ = false;  // the receive of the step at_
  Received received_;
  std::vector<Place> places_;
  std::vector<std::byte> scratch_;
  std::vector<std::byte> encoded_;  // one message per place, with a wire type
};

}  // namespace headrace::comm
