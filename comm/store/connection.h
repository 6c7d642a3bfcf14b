#pragma once

#include <string>

#include "comm/secret.h"
#include "comm/store/protocol.h"
#include "comm/store/socket.h"
#include "comm/store/table.h"

namespace headrace::comm {

/// What the connections of a store share.
struct StoreService {
  /// Of all keys and values together; a job's rendezvous takes a millionth of it.
  static constexpr size_t kMaxBytes = size_t{1} << 30;

  Secret secret = {};
  Table table = {};
  bool changed = false;  // a key may have got a value since waits were last looked at
};

/// The server's end of one connection: reads frames, answers one request after the other, never
/// waits. Not thread-safe.
class StoreConnection {
 public:
  StoreConnection(Descriptor socket, StoreService& service);

  /// Reads (and, if the socket `can_write`, writes) what is possible without waiting. A caller who
  /// breaks the protocol is told why, where he has proved who he is, and the connection ends.
  void progress(bool can_write);

  /// Answers a wait that is over: its key has a value, or its time has passed at `now`. False if it
  /// is not.
  bool answer_wait(Deadline now);

  const Descriptor& socket() const { return socket_; }
  bool known() const { return stage_ == Stage::kKnown; }
  bool ended() const { return ended_; }
  void end() { ended_ = true; }
  bool writing() const { return sent_ < output_.size(); }
  bool partial() const { return input_.partial(); }
  bool waiting() const { return waiting_; }
  Deadline wait_ends() const { return wait_ends_; }

  // The server's notes.
  Deadline deadline = Deadline::max();
  bool watched_for_writing = false;
  bool within_frame = false;

 private:
  enum class Stage { kGreeting, kProof, kKnown };

  void read();
  void write();
  void handle_frames();
  void greet(std::string_view body);
  void check_proof(std::string_view body);
  void handle(const store_protocol::Request& request);
  void reply(store_protocol::Status status, std::string_view rest = {});
  void refuse(std::string_view why);

  Descriptor socket_;
  StoreService& service_;
  Stage stage_ = Stage::kGreeting;
  Nonce caller_{};
  Nonce own_{};
  store_protocol::FrameReader input_;
  std::string output_;
  size_t sent_ = 0;
  bool waiting_ = false;
  std::string awaited_;
  Deadline wait_ends_ = Deadline::max();
  bool closing_ = false;  // ends when all output is sent
  bool ended_ = false;
};

}  // namespace headrace::comm
