#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/error.h"

namespace headrace::comm {

/// One message between two ranks, sent or received. It belongs to whoever posts it and stays where
/// it is until `done`, or until Transport::cancel() has returned.
struct Message {
  int peer = -1;
  int lane = 0;
  /// What it is, the same on both sides: the collective (the low bits of its ticket), which message
  /// of it this is on its way from one rank to the other, and a hash of what the collective is.
  /// A transport compares all of it, and the length, before it believes in a message.
  uint32_t op = 0;
  uint32_t index = 0;
  uint64_t signature = 0;

  std::byte* data = nullptr;  // read when sent; written when received, unless `take` is set
  size_t bytes = 0;           // may exceed 4 GiB; 0 is a message too

  /// Received only: takes the bytes as they come instead of having them put at `data`, in order and
  /// without gaps; the address, `offset` and `count` are multiples of `unit` (a power of two, at
  /// most 8). They are gone after the call. A transport hands over no more than kMaxPiece bytes at
  /// a time, and the memory of the peer itself where it can.
  void (*take)(Message& message, const std::byte* bytes, size_t offset, size_t count) = nullptr;
  size_t unit = 1;

  size_t moved = 0;  // bytes so far
  bool done = false;

  Message* next = nullptr;  // used by the transport
};

inline constexpr size_t kMaxPiece = size_t{256} << 10;

/// What went wrong, and with whom.
struct Failure {
  ErrorCode code = ErrorCode::kUnavailable;
  int rank = -1;  // at fault, as far as known
  std::string reason;
};

/// Who hears from a transport. Calls come from any thread, also from within poll(), and must not
/// wait.
class TransportListener {
 public:
  virtual ~TransportListener() = default;

  /// A peer, or the transport, can no longer be used; peers may not know yet.
  virtual void failed(const Failure& failure) = 0;

  /// A peer says that the group has come to its end; it tells all ranks.
  virtual void told(const Failure& failure) = 0;

  /// A message from `expected.peer` is not the one expected: `found` says how, `op` is what it
  /// belongs to.
  virtual void mismatched(const Message& expected, uint32_t op, const std::string& found) = 0;

  /// What this rank does, or did, as collective `op`; a peer asks.
  virtual std::string describe_op(uint32_t op) = 0;

  /// What `peer` answered to Transport::ask().
  virtual void described(int peer, uint32_t op, const std::string& description) = 0;
};

/// Moves messages between ranks.
///
/// Between two ranks and on one lane, messages arrive in the order in which they were sent, and the
/// n-th receive takes the n-th send; lanes overtake each other. A send is done when its bytes may
/// be overwritten, which may be before they arrive. Each direction of each lane holds at least
/// kMessagesInFlight (comm/schedule/schedule.h) messages that nobody receives yet, or as many bytes
/// as a socket buffers; beyond that a sender waits (credits), and nothing is lost.
///
/// send(), receive(), poll(), flush() and cancel() are called by one thread at a time (Group has a
/// lock for that); everything else by any thread. A transport allocates nothing per message.
class Transport {
 public:
  virtual ~Transport() = default;

  int rank() const { return rank_; }
  int size() const { return size_; }
  int lanes() const { return lanes_; }
  /// Ranks of this group on this machine, this one included, and the cores that one or another of
  /// them may use: where there are fewer cores than ranks, a waiting rank leaves its core to
  /// others.
  int ranks_on_host() const { return ranks_on_host_; }
  int cores_on_host() const { return cores_on_host_; }
  /// Ranks of each host (comm/host.h): as many as there are, if all are on one; 1 where that is not
  /// the same on all. All ranks say the same.
  int ranks_per_host() const { return ranks_per_host_; }
  /// "inproc", "shm", "tcp": how cost tables call it.
  virtual std::string_view name() const = 0;

  /// Whom to tell; once, before anything is posted. Peers may fail before.
  virtual void listen(TransportListener& listener) = 0;

  /// Memory that messages will often be in, so that a transport may prepare it: register it, or
  /// make it readable for others (a child of fork() then shares it). Not needed for correctness.
  /// Nobody writes to it while it is added or removed, no message is in it, and a region is removed
  /// before its memory is freed.
  virtual void add_region(void* /*data*/, size_t /*bytes*/) {}
  virtual void remove_region(void* /*data*/) {}

  virtual void send(Message& message) = 0;
  virtual void receive(Message& message) = 0;

  /// Moves what can be moved without waiting, at most a few hundred KiB, so that a compute thread
  /// may call it. True if anything moved.
  virtual bool poll() = 0;

  /// Until poll() or this is called, a peer that sleeps may not hear of what was sent.
  virtual void flush() {}

  /// Forgets all messages. None of them and nothing they point to is touched when it has returned,
  /// by peers neither. Nothing can be sent or received afterwards.
  virtual void cancel() = 0;

  /// Sleeps until poll() may have something to do, wake() was called, or `until`. May return early.
  /// Several threads may sleep; what there is to do wakes one of them at least. A wake() that comes
  /// while nobody sleeps is remembered.
  virtual void wait(std::chrono::steady_clock::time_point until) = 0;
  virtual void wake() = 0;

  /// Tells all peers that can be reached that this group has come to its end, and why: their
  /// listeners get told(). Does not wait for them.
  virtual void tell(const Failure& failure) = 0;

  /// Says goodbye to all peers. The listener hears nothing once this has returned; nothing but the
  /// destructor may follow.
  virtual void close() = 0;

  /// Asks a peer what it does as collective `op`; the listener gets described(), or nothing if the
  /// peer cannot answer.
  virtual void ask(int peer, uint32_t op) = 0;

 protected:
  /// Without `ranks_per_host` there is no network between ranks.
  Transport(int rank, int size, int lanes, int ranks_on_host, int cores_on_host,
            int ranks_per_host = 0)
      : rank_(rank),
        size_(size),
        lanes_(lanes),
        ranks_on_host_(ranks_on_host),
        cores_on_host_(cores_on_host),
        ranks_per_host_(ranks_per_host > 0 ? ranks_per_host : size) {}

 private:
  int rank_;
  int size_;
  int lanes_;
  int ranks_on_host_;
  int cores_on_host_;
  int ranks_per_host_;
};

}  // namespace headrace::comm
