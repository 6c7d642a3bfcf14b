#include "comm/transport/shm.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "comm/transport/control.h"
#include "comm/transport/queue.h"
#include "comm/transport/segment.h"
#include "core/error.h"

namespace headrace::comm {
namespace {

class ShmTransport final : public Transport {
 public:
  ShmTransport(const MeshOptions& options, int lanes, Mesh mesh, Store& store, Deadline deadline)
      : Transport(options.rank, options.size, lanes, mesh.ranks_on_host, mesh.cores_on_host),
        segment_(options.rank, options.size, lanes, store, deadline),
        bell_(segment_.bell(options.rank)),
        out_(static_cast<size_t>(options.size * lanes)),
        in_(out_.size()),
        control_(options.rank, first_of(mesh)) {
    for (int peer = 0; peer < size(); ++peer) {
      for (int lane = 0; lane < lanes; ++lane) {
        out_[at(peer, lane)].ring = &segment_.ring(rank(), peer, lane);
        out_[at(peer, lane)].peer = peer;
        in_[at(peer, lane)].ring = &segment_.ring(peer, rank(), lane);
        in_[at(peer, lane)].peer = peer;
      }
    }
  }

  std::string_view name() const override { return "shm"; }

  void listen(TransportListener& listener) override {
    listener_ = &listener;
    control_.listen(listener);
  }

  void send(Message& message) override {
    Out& out = out_[at(message.peer, message.lane)];
    const bool idle = out.posted.empty();
    out.posted.push(message);
    if (!idle) return;
    size_t budget = kMaxPiece;
    move_out(out, budget);
    if (!out.posted.empty()) sending_.push_back(&out);
  }

  void receive(Message& message) override {
    In& in = in_[at(message.peer, message.lane)];
    if (in.posted.empty()) receiving_.push_back(&in);
    in.posted.push(message);
  }

  bool poll() override {
    polled_.store(bell_.rings.load(), std::memory_order_relaxed);
    bool moved = false;
    for (size_t i = 0; i < sending_.size();) {
      size_t budget = kMaxPiece;
      moved |= move_out(*sending_[i], budget);
      i = keep(sending_, i, !sending_[i]->posted.empty());
    }
    for (size_t i = 0; i < receiving_.size();) {
      moved |= move_in(*receiving_[i]);
      i = keep(receiving_, i, !receiving_[i]->posted.empty());
    }
    if (moved && listens_.load(std::memory_order_relaxed) && listens_.exchange(false)) {
      bell_.listeners.fetch_sub(1);
    }
    return moved;
  }

  // Peers touch nothing but the segment.
  void cancel() override {
    for (Out& out : out_) out.posted.clear();
    for (In& in : in_) in.posted.clear();
    sending_.clear();
    receiving_.clear();
  }

  // Who has just moved something will soon move more. The first wait after that returns at once,
  // but from then on peers ring; what came before is found by the poll that follows, and the next
  // wait sleeps.
  void wait(std::chrono::steady_clock::time_point until) override {
    if (!listens_.exchange(true)) {
      bell_.listeners.fetch_add(1);
    } else {
      bell_.wait(polled_.load(std::memory_order_relaxed), until);
    }
  }
  void wake() override { bell_.ring(); }

  void close() override {
    bell_.gone.store(1);
    for (int peer = 0; peer < size(); ++peer) segment_.bell(peer).ring();
    control_.close();
  }

  void tell(const Failure& failure) override { control_.tell(failure); }
  void ask(int peer, uint32_t op) override { control_.ask(peer, op); }

 private:
  using Ring = Segment::Ring;
  using Slot = Segment::Slot;

  struct Out {
    MessageQueue posted;
    Ring* ring = nullptr;
    uint64_t sent = 0;  // chunks
    int peer = -1;
  };

  struct In {
    MessageQueue posted;
    Ring* ring = nullptr;
    uint64_t received = 0;  // chunks
    bool stuck = false;     // nothing more will be received
    int peer = -1;
  };

  static std::vector<Descriptor> first_of(Mesh& mesh) {
    std::vector<Descriptor> sockets;
    for (auto& row : mesh.sockets) {
      sockets.push_back(row.empty() ? Descriptor() : std::move(row[0]));
    }
    return sockets;
  }

  size_t at(int peer, int lane) const { return static_cast<size_t>(peer * lanes() + lane); }

  template <typename End>
  static size_t keep(std::vector<End*>& list, size_t i, bool stays) {
    if (stays) return i + 1;
    list[i] = list.back();
    list.pop_back();
    return i;
  }

  bool move_out(Out& out, size_t& budget) {
    bool moved = false;
    while (!out.posted.empty() && budget > 0) {
      Slot& slot = out.ring->slots[out.sent % Ring::kSlots];
      if (slot.full.load(std::memory_order_acquire) != 0) {
        // Ask to be told; then look again, because the receiver may have looked for the request
        // just before.
        out.ring->sender_waits.store(1);
        if (slot.full.load() != 0) return moved;
      }
      Message& message = out.posted.front();
      const size_t count = std::min(message.bytes - message.moved, Slot::kBytes);
      slot.op = message.op;
      slot.index = message.index;
      slot.signature = message.signature;
      slot.bytes = message.bytes;
      slot.count = static_cast<uint32_t>(count);
      if (count > 0) std::memcpy(slot.data, message.data + message.moved, count);
      slot.full.store(1);
      segment_.bell(out.peer).ring_if_heard();
      ++out.sent;
      // The receiver had the next slot last; to have its lines here by then makes the next send of
      // a short message a third faster.
      Slot& next = out.ring->slots[out.sent % Ring::kSlots];
      __builtin_prefetch(&next, 1);
      __builtin_prefetch(next.data, 1);
      budget -= std::min(budget, std::max<size_t>(count, 64));
      message.moved += count;
      moved = true;
      if (message.moved == message.bytes) {
        message.done = true;
        out.posted.pop();
      }
    }
    return moved;
  }

  bool move_in(In& in) {
    bool moved = false;
    size_t budget = kMaxPiece;
    while (!in.posted.empty() && !in.stuck && budget > 0) {
      Message& message = in.posted.front();
      Slot& slot = in.ring->slots[in.received % Ring::kSlots];
      if (slot.full.load() == 0) {
        if (segment_.bell(in.peer).gone.load() != 0 && slot.full.load() == 0) {
          in.stuck = true;
          control_.lost(in.peer, fmt::format("rank {} has left the group", in.peer));
        }
        return moved;
      }
      if (!as_expected(message, slot)) {
        in.stuck = true;
        return moved;
      }
      const size_t count = slot.count;
      if (count > 0 && message.take != nullptr) {
        message.take(message, slot.data, message.moved, count);
      } else if (count > 0) {
        std::memcpy(message.data + message.moved, slot.data, count);
      }
      slot.full.store(0);
      if (in.ring->sender_waits.load() != 0) {
        in.ring->sender_waits.store(0);
        segment_.bell(in.peer).ring_if_heard();
      }
      ++in.received;
      budget -= std::min(budget, std::max<size_t>(count, 64));
      message.moved += count;
      moved = true;
      if (message.moved == message.bytes) {
        message.done = true;
        in.posted.pop();
      }
    }
    return moved;
  }

  /// What stands in shared memory is not believed before it is looked at.
  bool as_expected(const Message& message, const Slot& slot) {
    std::string found = difference(message, {slot.op, slot.index, slot.signature, slot.bytes});
    if (found.empty() && slot.count != std::min(message.bytes - message.moved, Slot::kBytes)) {
      found = fmt::format("a chunk of {} bytes after {} of {}", slot.count, message.moved,
                          message.bytes);
    }
    if (found.empty()) return true;
    listener_->mismatched(message, slot.op, found);
    return false;
  }

  Segment segment_;
  Segment::Bell& bell_;
  std::vector<Out> out_;
  std::vector<In> in_;
  std::vector<Out*> sending_;
  std::vector<In*> receiving_;
  std::atomic<uint32_t> polled_{0};   // rings before the last poll
  std::atomic<bool> listens_{false};  // between polls too
  TransportListener* listener_ = nullptr;
  Control control_;
};

}  // namespace

std::unique_ptr<Transport> connect_shm(MeshOptions options, int lanes, Store& store) {
  require(lanes > 0, ErrorCode::kInvalidArgument, "a transport has at least one lane, not {}",
          lanes);
  const Deadline deadline = deadline_in(options.timeout);
  options.channels = 1;
  Mesh mesh = connect_mesh(options, store);
  require(
      mesh.ranks_on_host == options.size, ErrorCode::kUnsupported,
      "shared memory connects ranks of one host; {} of {} are on this one. Use the transport tcp",
      mesh.ranks_on_host, options.size);
  return std::make_unique<ShmTransport>(options, lanes, std::move(mesh), store, deadline);
}

}  // namespace headrace::comm
