#include "comm/transport/control.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <utility>

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace headrace::comm {
namespace {

/// How often the next rank gets a sign of life, and how long its machine may take to acknowledge
/// one.
constexpr auto kBeat = std::chrono::milliseconds(300);
constexpr int kUnacknowledged = 1500;  // milliseconds
/// How long a broken connection waits for the reason to come over another one.
constexpr auto kReasonTime = std::chrono::milliseconds(100);
constexpr uint64_t kEventKey = ~uint64_t{0};

}  // namespace

Control::Control(int rank, std::vector<Descriptor> sockets)
    : rank_(rank),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  require(epoll_ && event_, ErrorCode::kIo, "no descriptors left for the group: {}",
          std::strerror(errno));
  for (auto& socket : sockets) {
    peers_.push_back(std::make_unique<Peer>());
    peers_.back()->rank = peers_.size() - 1;
    peers_.back()->socket = std::move(socket);
  }
  auto watch = [&](int number, uint64_t key) {
    epoll_event event{.events = EPOLLIN, .data = {.u64 = key}};
    require(::epoll_ctl(epoll_.number(), EPOLL_CTL_ADD, number, &event) == 0, ErrorCode::kIo,
            "cannot watch a connection: {}", std::strerror(errno));
  };
  watch(event_.number(), kEventKey);
  for (size_t r = 0; r < peers_.size(); ++r) {
    const int number = peers_[r]->socket.number();
    if (number < 0) continue;
    ::setsockopt(number, IPPROTO_TCP, TCP_USER_TIMEOUT, &kUnacknowledged, sizeof kUnacknowledged);
    watch(number, r);
  }
}

void Control::close() {
  if (std::exchange(over_, true)) return;
  if (thread_.joinable()) {
    stop_.store(true);
    wake();
    thread_.join();
  }
  for (size_t r = 0; r < peers_.size(); ++r) {
    if (!peers_[r]->socket || peers_[r]->closed) continue;
    send(static_cast<int>(r), {.type = ControlFrame::Type::kGoodbye});
    // What peers said last is read: closing on unread bytes would take back what was sent.
    std::array<std::byte, 4096> rest;
    while (::recv(peers_[r]->socket.number(), rest.data(), rest.size(), MSG_DONTWAIT) > 0) {
    }
  }
}

void Control::listen(TransportListener& listener) {
  listener_ = &listener;
  if (peers_.size() > 1) thread_ = std::thread([this] { serve(); });
}

void Control::tell(const Failure& failure) {
  told_.store(true);
  for (size_t r = 0; r < peers_.size(); ++r) {
    if (!peers_[r]->socket) continue;
    send(static_cast<int>(r), {.type = ControlFrame::Type::kFailure,
                               .value = static_cast<uint32_t>(failure.code),
                               .rank = failure.rank,
                               .text = failure.reason});
  }
}

void Control::ask(int peer, uint32_t op) {
  send(peer, {.type = ControlFrame::Type::kAsk, .value = op});
}

void Control::lost(int peer, const std::string& how) {
  {
    const std::lock_guard lock(mutex_);
    lost_.push_back({peer, how, Clock::now() + kReasonTime});
  }
  wake();
}

void Control::wake() {
  const uint64_t one = 1;
  // Fails only when the counter is full, and then the thread is awake.
  [[maybe_unused]] const auto written = ::write(event_.number(), &one, sizeof one);
}

void Control::serve() {
  std::array<epoll_event, 64> events;
  const size_t next = (static_cast<size_t>(rank_) + 1) % peers_.size();
  auto beat_at = Clock::now() + kBeat;
  while (!stop_.load()) {
    auto until = beat_at;
    {
      const std::lock_guard lock(mutex_);
      for (const Lost& lost : lost_) until = std::min(until, lost.until);
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    const int count = ::epoll_wait(epoll_.number(), events.data(), static_cast<int>(events.size()),
                                   static_cast<int>(std::max<int64_t>(left, 0)));
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<size_t>(i)];
      if (event.data.u64 == kEventKey) {
        uint64_t drained = 0;
        [[maybe_unused]] const auto got = ::read(event_.number(), &drained, sizeof drained);
        continue;
      }
      const auto rank = static_cast<int>(event.data.u64);
      Peer& peer = *peers_[event.data.u64];
      if ((event.events & EPOLLOUT) != 0) {
        const std::lock_guard lock(peer.mutex);
        flush(peer);
      }
      if ((event.events & ~EPOLLOUT) != 0 && !peer.closed) read(rank);
    }
    const auto now = Clock::now();
    if (now >= beat_at) {
      beat_at = now + kBeat;
      if (!peers_[next]->closed && !told_.load()) {
        send(static_cast<int>(next), {.type = ControlFrame::Type::kBeat});
      }
    }
    std::vector<Lost> late;
    {
      const std::lock_guard lock(mutex_);
      const auto split = std::partition(lost_.begin(), lost_.end(),
                                        [&](const Lost& lost) { return lost.until > now; });
      late.assign(split, lost_.end());
      lost_.erase(split, lost_.end());
    }
    for (const Lost& lost : late) {
      const bool left_in_peace = peers_[static_cast<size_t>(lost.peer)]->left;
      listener_->failed(
          {ErrorCode::kUnavailable, lost.peer,
           left_in_peace ? fmt::format("rank {} has left the group", lost.peer) : lost.how});
    }
  }
}

void Control::read(int rank) {
  Peer& peer = *peers_[static_cast<size_t>(rank)];
  std::array<std::byte, 16384> bytes;
  while (true) {
    const ssize_t count = ::recv(peer.socket.number(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) {
      return ended(rank, count == 0           ? "closed its connection without a word: its process "
                                                "ended or was killed"
                         : errno == ETIMEDOUT ? "does not acknowledge anything: its machine or the "
                                                "network is down"
                                              : std::strerror(errno));
    }
    try {
      peer.parser.append(std::span(bytes).first(static_cast<size_t>(count)));
      while (auto frame = peer.parser.next()) handle(rank, *frame);
    } catch (const Error& error) {
      return ended(rank, fmt::format("sent garbage ({})", error.message()));
    }
  }
}

void Control::handle(int rank, const ControlFrame& frame) {
  switch (frame.type) {
    case ControlFrame::Type::kGoodbye:
      peers_[static_cast<size_t>(rank)]->left = true;
      return;
    case ControlFrame::Type::kFailure:
      told_.store(true);
      return listener_->told({frame.value <= static_cast<uint32_t>(ErrorCode::kInternal)
                                  ? static_cast<ErrorCode>(frame.value)
                                  : ErrorCode::kUnavailable,
                              frame.rank, fmt::format("rank {} reports: {}", rank, frame.text)});
    case ControlFrame::Type::kAsk:
      return send(rank, {.type = ControlFrame::Type::kAnswer,
                         .value = frame.value,
                         .text = listener_->describe_op(frame.value)});
    case ControlFrame::Type::kAnswer:
      return listener_->described(rank, frame.value, frame.text);
    case ControlFrame::Type::kBeat:
      return;
  }
}

void Control::ended(int rank, const std::string& how) {
  Peer& peer = *peers_[static_cast<size_t>(rank)];
  peer.closed = true;
  ::epoll_ctl(epoll_.number(), EPOLL_CTL_DEL, peer.socket.number(), nullptr);
  if (peer.left) return;  // whoever still needs it will be told by its lane
  const Failure failure{ErrorCode::kUnavailable, rank, fmt::format("rank {} {}", rank, how)};
  listener_->failed(failure);
}

void Control::send(int rank, const ControlFrame& frame) {
  Peer& peer = *peers_[static_cast<size_t>(rank)];
  const std::lock_guard lock(peer.mutex);
  peer.unsent += encode(frame);
  flush(peer);
}

/// Under the peer's lock. What does not fit is sent when there is room.
void Control::flush(Peer& peer) {
  while (!peer.unsent.empty()) {
    const ssize_t sent = ::send(peer.socket.number(), peer.unsent.data(), peer.unsent.size(),
                                MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) break;
    peer.unsent.erase(0, static_cast<size_t>(sent));
  }
  const bool full = !peer.unsent.empty() && (errno == EAGAIN || errno == EWOULDBLOCK);
  if (!full) peer.unsent.clear();  // nobody is there any more, which the reader finds out
  epoll_event event{.events = EPOLLIN, .data = {.u64 = peer.rank}};
  if (full) event.events |= EPOLLOUT;
  if (full != peer.waits_for_room) {
    ::epoll_ctl(epoll_.number(), EPOLL_CTL_MOD, peer.socket.number(), &event);
    peer.waits_for_room = full;
  }
}

}  // namespace headrace::comm
