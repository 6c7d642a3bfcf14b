#include "comm/transport/tcp.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "comm/transport/control.h"
#include "comm/transport/lane.h"

namespace headrace::comm {
namespace {

class TcpTransport final : public Transport {
 public:
  TcpTransport(const MeshOptions& options, int lanes, Mesh mesh)
      : Transport(options.rank, options.size, lanes, mesh.ranks_on_host, mesh.cores_on_host,
                  mesh.ranks_per_host),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
        lanes_of_(static_cast<size_t>(options.size * lanes)),
        staging_(kMaxPiece),
        control_(options.rank, first_of(mesh)) {
    require(epoll_ && event_, ErrorCode::kIo, "no descriptors left for the group: {}",
            std::strerror(errno));
    watch(event_.number(), EPOLLIN);
    for (int peer = 0; peer < options.size; ++peer) {
      if (peer == options.rank) continue;
      for (int lane = 0; lane < lanes; ++lane) {
        auto& socket = mesh.sockets[static_cast<size_t>(peer)][static_cast<size_t>(lane) + 1];
        // Edges only: poll() tries whatever it has messages for, events are there to wake.
        watch(socket.number(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | static_cast<uint32_t>(EPOLLET));
        at(peer, lane).open(std::move(socket), peer, static_cast<uint32_t>(options.epoch));
      }
    }
  }

  std::string_view name() const override { return "tcp"; }

  void listen(TransportListener& listener) override {
    listener_ = &listener;
    control_.listen(listener);
  }

  void send(Message& message) override {
    Lane& lane = at(message.peer, message.lane);
    const bool idle = !lane.sends();
    lane.send(message);
    if (!idle) return;
    handle(lane, lane.write());
    if (lane.sends()) sending_.push_back(&lane);
  }

  void receive(Message& message) override {
    Lane& lane = at(message.peer, message.lane);
    if (!lane.receives()) receiving_.push_back(&lane);
    lane.receive(message);
  }

  bool poll() override {
    bool moved = false;
    for (size_t i = 0; i < sending_.size();) {
      Lane& lane = *sending_[i];
      moved |= handle(lane, lane.write());
      i = keep(sending_, i, lane.sends());
    }
    for (size_t i = 0; i < receiving_.size();) {
      Lane& lane = *receiving_[i];
      if (lane.receives()) moved |= handle(lane, lane.read(staging_));
      i = keep(receiving_, i, lane.receives());
    }
    return moved;
  }

  void cancel() override {
    for (Lane& lane : lanes_of_) lane.cancel();
    sending_.clear();
    receiving_.clear();
  }

  void wait(std::chrono::steady_clock::time_point until) override {
    const auto left = until - std::chrono::steady_clock::now();
    if (left.count() <= 0) return;
    std::array<epoll_event, 64> events;
    const auto timeout = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    const int count = ::epoll_wait(epoll_.number(), events.data(), static_cast<int>(events.size()),
                                   static_cast<int>(std::min<int64_t>(timeout, 60'000)));
    for (int i = 0; i < count; ++i) {
      if (events[static_cast<size_t>(i)].data.fd != event_.number()) continue;
      uint64_t drained = 0;
      [[maybe_unused]] const auto got = ::read(event_.number(), &drained, sizeof drained);
    }
  }

  void wake() override {
    const uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(event_.number(), &one, sizeof one);
  }

  void close() override { control_.close(); }

  void tell(const Failure& failure) override { control_.tell(failure); }
  void ask(int peer, uint32_t op) override { control_.ask(peer, op); }

 private:
  static std::vector<Descriptor> first_of(Mesh& mesh) {
    std::vector<Descriptor> sockets;
    for (auto& row : mesh.sockets) sockets.push_back(std::move(row[0]));
    return sockets;
  }

  Lane& at(int peer, int lane) { return lanes_of_[static_cast<size_t>(peer * lanes() + lane)]; }

  void watch(int number, uint32_t events) {
    epoll_event event{.events = events, .data = {.fd = number}};
    require(::epoll_ctl(epoll_.number(), EPOLL_CTL_ADD, number, &event) == 0, ErrorCode::kIo,
            "cannot watch a connection of the group: {}", std::strerror(errno));
  }

  /// Reports what went wrong. True if anything moved.
  bool handle(Lane& lane, Lane::Result result) {
    if (result == Lane::Result::kLost) control_.lost(lane.peer(), lane.reason());
    if (result == Lane::Result::kMismatch)
      listener_->mismatched(lane.expected(), lane.found_op(), lane.reason());
    return result == Lane::Result::kMoved;
  }

  static size_t keep(std::vector<Lane*>& list, size_t i, bool stays) {
    if (stays) return i + 1;
    list[i] = list.back();
    list.pop_back();
    return i;
  }

  Descriptor epoll_;
  Descriptor event_;
  std::vector<Lane> lanes_of_;  // of each peer in turn
  std::vector<Lane*> sending_;
  std::vector<Lane*> receiving_;
  std::vector<std::byte> staging_;
  TransportListener* listener_ = nullptr;
  Control control_;
};

}  // namespace

std::unique_ptr<Transport> connect_tcp(MeshOptions options, int lanes, Store& store) {
  require(lanes > 0, ErrorCode::kInvalidArgument, "a transport has at least one lane, not {}",
          lanes);
  options.channels = lanes + 1;
  Mesh mesh = connect_mesh(options, store);
  return std::make_unique<TcpTransport>(options, lanes, std::move(mesh));
}

}  // namespace headrace::comm
