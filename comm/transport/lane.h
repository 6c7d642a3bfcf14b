#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "comm/store/socket.h"
#include "comm/transport/queue.h"
#include "comm/transport/transport.h"
#include "comm/wire/frame.h"

namespace headrace::comm {

/// One stream to one peer: frames and messages, one after the other, in both directions. Used by
/// one thread at a time.
class Lane {
 public:
  enum class Result {
    kNothing,  // nothing could be moved
    kMoved,
    kLost,      // the connection has ended; reason()
    kMismatch,  // what comes is not what is expected; reason()
  };

  Lane() = default;
  void open(Descriptor socket, int peer, uint32_t epoch);

  int number() const { return socket_.number(); }
  int peer() const { return peer_; }
  bool sends() const { return !sending_.empty(); }
  bool receives() const { return !receiving_.empty() && !stuck_; }
  const std::string& reason() const { return reason_; }
  /// What kMismatch is about, and the collective that came instead.
  const Message& expected() const { return receiving_.front(); }
  uint32_t found_op() const { return found_op_; }

  void send(Message& message);
  void receive(Message& message) { receiving_.push(message); }

  /// Writes until the socket is full, or nothing is left.
  Result write();

  /// Reads one message, or a piece of it: `staging` (kMaxPiece bytes) is where bytes go that a
  /// message takes by itself.
  Result read(std::span<std::byte> staging);

  void cancel();

 private:
  Result lost(int error);
  void mismatch(uint32_t op, std::string reason);
  bool check_header();
  void wake_for(size_t left);
  void take(Message& message, std::span<std::byte> staging, size_t got);

  Descriptor socket_;
  int peer_ = -1;
  uint32_t epoch_ = 0;
  bool stuck_ = false;
  uint32_t found_op_ = 0;
  std::string reason_;

  MessageQueue sending_;
  FrameBytes sent_header_{};
  size_t sent_of_header_ = 0;

  MessageQueue receiving_;
  FrameBytes header_{};
  size_t got_of_header_ = 0;
  std::array<std::byte, 8> carry_{};  // the beginning of an element that has not come whole
  size_t carried_ = 0;
  int low_water_ = 1;  // SO_RCVLOWAT
};

}  // namespace headrace::comm
