#include "comm/store/server.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <list>
#include <thread>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "comm/store/connection.h"
#include "comm/store/socket.h"
#include "comm/store/table.h"
#include "core/error.h"

namespace headrace::comm {

using std::chrono::steady_clock;

class StoreServer::Loop {
 public:
  explicit Loop(const Options& options)
      : listener_(listen_at({options.host, options.port})),
        service_{.secret = options.secret},
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        stop_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    require_secret(options.secret, listener_.address, options.insecure);
    require(epoll_ && stop_, ErrorCode::kIo, "epoll and eventfd: {}", std::strerror(errno));
    require(watch(stop_.number(), &stop_) && watch(listener_.socket.number(), &listener_),
            ErrorCode::kIo, "epoll: {}", std::strerror(errno));
    thread_ = std::thread([this] { run(); });
  }

  ~Loop() {
    const uint64_t one = 1;
    // An eventfd that is full wakes as well.
    [[maybe_unused]] const ssize_t count = write(stop_.number(), &one, sizeof one);
    thread_.join();
  }

  int port() const { return listener_.port; }

 private:
  using Connections = std::list<StoreConnection>;

  static constexpr auto kHelloTime = std::chrono::seconds(5);
  // A request or reply once begun; the other side has proved who it is.
  static constexpr auto kFrameTime = std::chrono::seconds(60);
  static constexpr auto kAcceptPause = std::chrono::milliseconds(50);
  static constexpr size_t kMaxStrangers = 256;

  // False where the system has no memory for it.
  bool watch(int descriptor, void* what) {
    epoll_event event{.events = EPOLLIN, .data = {.ptr = what}};
    return epoll_ctl(epoll_.number(), EPOLL_CTL_ADD, descriptor, &event) == 0;
  }

  void run() {
    epoll_event events[64];
    for (;;) {
      const int count = epoll_wait(epoll_.number(), events, std::size(events), time_left());
      for (int i = 0; i < count; ++i) {
        void* what = events[i].data.ptr;
        if (what == &stop_) return;
        if (what == &listener_) {
          accept_all();
        } else {
          serve(*static_cast<StoreConnection*>(what), events[i].events);
        }
      }
      answer_waiting();
      // Removed here, after all events of this round, which may name them.
      close_ended();
    }
  }

  void accept_all() {
    for (;;) {
      Descriptor socket(
          accept4(listener_.socket.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!socket) {
        if (errno == EAGAIN || errno == EWOULDBLOCK) return;
        // Out of descriptors or memory: the one who waits longest to prove anything makes place,
        // and the listener rests, so that this loop does not spin.
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
          drop_oldest_stranger();
          rest();
          return;
        }
        continue;  // this one has gone already (accept(2) lists what else may be reported)
      }
      if (strangers() >= kMaxStrangers) drop_oldest_stranger();
      auto& connection = connections_.emplace_back(std::move(socket), service_);
      connection.deadline = steady_clock::now() + kHelloTime;
      // Without memory to watch it, it is as if it had not come.
      if (!watch(connection.socket().number(), &connection)) connections_.pop_back();
    }
  }

  void rest() {
    epoll_ctl(epoll_.number(), EPOLL_CTL_DEL, listener_.socket.number(), nullptr);
    resting_until_ = steady_clock::now() + kAcceptPause;
  }

  void listen_again() {
    const bool watched = watch(listener_.socket.number(), &listener_);
    resting_until_ = watched ? Deadline::max() : steady_clock::now() + kAcceptPause;
  }

  size_t strangers() const {
    return static_cast<size_t>(std::ranges::count_if(
        connections_, [](const StoreConnection& one) { return !one.known() && !one.ended(); }));
  }

  void drop_oldest_stranger() {
    const auto oldest = std::ranges::find_if(
        connections_, [](const StoreConnection& one) { return !one.known() && !one.ended(); });
    if (oldest != connections_.end()) oldest->end();
  }

  void serve(StoreConnection& connection, uint32_t events) {
    if (connection.ended()) return;
    connection.progress((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0);
    update(connection);
  }

  // Deadline and events of interest, from the state that it is in.
  void update(StoreConnection& connection) {
    if (connection.ended()) return;
    const bool writes = connection.writing();
    if (writes != connection.watched_for_writing) {
      epoll_event event{.events = writes ? uint32_t{EPOLLOUT} : uint32_t{EPOLLIN},
                        .data = {.ptr = &connection}};
      epoll_ctl(epoll_.number(), EPOLL_CTL_MOD, connection.socket().number(), &event);
      connection.watched_for_writing = writes;
    }
    if (!connection.known()) return;  // all of the hello has one deadline
    const bool within = writes || connection.partial();
    if (!within) {
      connection.deadline = connection.waiting() ? connection.wait_ends() : Deadline::max();
      connection.within_frame = false;
    } else if (!connection.within_frame) {
      connection.deadline = steady_clock::now() + kFrameTime;
      connection.within_frame = true;
    }
  }

  // Everybody who waits for a key that has a value now, or has waited long enough. An answer may
  // let the next request of the same connection be served, which may answer others.
  void answer_waiting() {
    const auto now = steady_clock::now();
    bool again = service_.changed || std::ranges::any_of(connections_, [&](const auto& one) {
                   return one.waiting() && one.wait_ends() <= now;
                 });
    while (again) {
      service_.changed = false;
      for (auto& connection : connections_) {
        if (connection.ended() || !connection.waiting()) continue;
        if (connection.answer_wait(now)) update(connection);
      }
      again = service_.changed;
    }
  }

  void close_ended() {
    const auto now = steady_clock::now();
    for (auto& connection : connections_) {
      if (connection.deadline <= now && !connection.waiting()) connection.end();
    }
    connections_.remove_if([](const StoreConnection& one) { return one.ended(); });
    if (resting_until_ <= now) listen_again();
  }

  int time_left() const {
    Deadline next = resting_until_;
    for (const auto& connection : connections_) next = std::min(next, connection.deadline);
    if (next == Deadline::max()) return -1;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(next - steady_clock::now()).count();
    return static_cast<int>(std::clamp<decltype(left)>(left, 0, 60'000));
  }

  Listener listener_;
  StoreService service_;
  Descriptor epoll_;
  Descriptor stop_;
  Connections connections_;  // oldest first; a list, because epoll keeps addresses
  Deadline resting_until_ = Deadline::max();
  std::thread thread_;
};

StoreServer::StoreServer(const Options& options) : loop_(std::make_unique<Loop>(options)) {}

StoreServer::~StoreServer() = default;

int StoreServer::port() const { return loop_->port(); }

}  // namespace headrace::comm
