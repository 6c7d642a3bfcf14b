#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "comm/store/socket.h"
#include "comm/transport/transport.h"
#include "comm/wire/frame.h"

namespace headrace::comm {

/// What ranks tell each other beside the collectives, over a connection of its own to each peer:
/// that the group has failed and why, what they are doing, and goodbye. A thread listens to all of
/// them, and sleeps otherwise. A connection that ends without a goodbye is a peer that died; a
/// machine that is gone is noticed because small messages to it are not acknowledged.
class Control {
 public:
  /// sockets[r] leads to rank r; that of `rank` is empty.
  Control(int rank, std::vector<Descriptor> sockets);
  ~Control() { close(); }
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  /// Starts the thread.
  void listen(TransportListener& listener);

  /// See Transport.
  void close();
  void tell(const Failure& failure);
  void ask(int peer, uint32_t op);

  /// A connection to `peer` has ended. Its reason may still be on its way here: it fails with
  /// `how` after a moment, unless somebody knows better.
  void lost(int peer, const std::string& how);

 private:
  using Clock = std::chrono::steady_clock;

  struct Peer {
    size_t rank = 0;
    Descriptor socket;
    ControlParser parser;  // the thread's
    bool closed = false;   // the thread's
    bool left = false;     // has said goodbye; the thread's
    std::mutex mutex;      // guards what follows
    std::string unsent;
    bool waits_for_room = false;
  };

  struct Lost {
    int peer = -1;
    std::string how;
    Clock::time_point until;
  };

  void serve();
  void read(int rank);
  void handle(int rank, const ControlFrame& frame);
  void send(int rank, const ControlFrame& frame);
  void flush(Peer& peer);
  void ended(int rank, const std::string& how);
  void wake();

  const int rank_;
  std::vector<std::unique_ptr<Peer>> peers_;
  Descriptor epoll_;
  Descriptor event_;
  TransportListener* listener_ = nullptr;
  std::atomic<bool> stop_{false};
  bool over_ = false;              // goodbye has been said
  std::atomic<bool> told_{false};  // of the group's end, from here or elsewhere
  std::mutex mutex_;               // guards lost_
  std::vector<Lost> lost_;
  std::thread thread_;
};

}  // namespace headrace::comm
