#include "comm/transport/inproc.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "comm/schedule/schedule.h"
#include "comm/spin.h"
#include "comm/transport/queue.h"

namespace headrace::comm {
namespace {

enum class SlotState : int { kFree, kFull, kReading, kRead, kCancelled };

/// One message on its way. The sender makes it full and frees it, the receiver reads in between.
struct Slot {
  std::atomic<SlotState> state{SlotState::kFree};
  const std::byte* data = nullptr;
  size_t bytes = 0;
  uint32_t op = 0;
  uint32_t index = 0;
  uint64_t signature = 0;
};

/// One lane from one rank to another.
struct alignas(64) Channel {
  std::array<Slot, kMessagesInFlight> slots;
};

/// Where a rank sleeps, and how it is told that something happened.
struct Bell {
  std::mutex mutex;
  std::condition_variable rung;
  std::atomic<uint64_t> rings{0};
  std::atomic<int> sleepers{0};

  void ring() {
    rings.fetch_add(1);
    if (sleepers.load() > 0) {
      const std::lock_guard lock(mutex);
      rung.notify_all();
    }
  }
};

class InprocTransport;

/// What the ranks share.
struct Hub {
  Hub(int size, int lanes)
      : size(size),
        lanes(lanes),
        channels(static_cast<size_t>(size * size * lanes)),
        bells(static_cast<size_t>(size)),
        gone(static_cast<size_t>(size)),
        ranks(static_cast<size_t>(size)) {}

  Channel& channel(int from, int to, int lane) {
    return channels[static_cast<size_t>((from * size + to) * lanes + lane)];
  }
  Bell& bell(int rank) { return bells[static_cast<size_t>(rank)]; }

  const int size;
  const int lanes;
  const int cores = usable_core_count();
  std::vector<Channel> channels;
  std::vector<Bell> bells;
  std::vector<std::atomic<bool>> gone;
  std::mutex mutex;  // guards `ranks` and their listeners
  std::vector<InprocTransport*> ranks;
};

class InprocTransport final : public Transport {
 public:
  InprocTransport(std::shared_ptr<Hub> hub, int rank)
      : Transport(rank, hub->size, hub->lanes, hub->size, hub->cores),
        hub_(std::move(hub)),
        out_(static_cast<size_t>(size() * lanes())),
        in_(out_.size()) {
    const std::lock_guard lock(hub_->mutex);
    hub_->ranks[static_cast<size_t>(rank)] = this;
  }

  std::string_view name() const override { return "inproc"; }
  void listen(TransportListener& listener) override {
    const std::lock_guard lock(hub_->mutex);
    listener_ = &listener;
  }

  void send(Message& message) override {
    Out& out = out_[at(message.peer, message.lane)];
    if (out.posted.empty() && out.sent == out.freed) sending_.push_back(&out);
    out.posted.push(message);
    out.peer = message.peer;
    out.lane = message.lane;
    move_out(out);
  }

  void receive(Message& message) override {
    In& in = in_[at(message.peer, message.lane)];
    if (in.posted.empty()) receiving_.push_back(&in);
    in.posted.push(message);
    in.peer = message.peer;
    in.lane = message.lane;
  }

  bool poll() override {
    polled_.store(hub_->bell(rank()).rings.load(), std::memory_order_relaxed);
    bool moved = false;
    for (size_t i = 0; i < sending_.size();) {
      Out& out = *sending_[i];
      moved |= move_out(out);
      if (out.posted.empty() && out.sent == out.freed) {
        sending_[i] = sending_.back();
        sending_.pop_back();
      } else {
        ++i;
      }
    }
    for (size_t i = 0; i < receiving_.size();) {
      In& in = *receiving_[i];
      moved |= move_in(in);
      if (in.posted.empty()) {
        receiving_[i] = receiving_.back();
        receiving_.pop_back();
      } else {
        ++i;
      }
    }
    return moved;
  }

  void cancel() override {
    for (Out* out : sending_) {
      Channel& channel = hub_->channel(rank(), out->peer, out->lane);
      for (Slot& slot : channel.slots) {
        auto expected = SlotState::kFull;
        if (slot.state.compare_exchange_strong(expected, SlotState::kCancelled)) continue;
        // Somebody reads it: that is a piece, not the whole.
        while (slot.state.load() == SlotState::kReading) std::this_thread::yield();
      }
    }
    sending_.clear();
    receiving_.clear();
  }

  void close() override {
    cancel();
    hub_->gone[static_cast<size_t>(rank())].store(true);
    for (Bell& bell : hub_->bells) bell.ring();
    const std::lock_guard lock(hub_->mutex);
    hub_->ranks[static_cast<size_t>(rank())] = nullptr;
  }

  void wait(std::chrono::steady_clock::time_point until) override {
    Bell& bell = hub_->bell(rank());
    std::unique_lock lock(bell.mutex);
    ++bell.sleepers;
    bell.rung.wait_until(lock, until, [&] { return bell.rings.load() != polled_.load(); });
    --bell.sleepers;
  }

  void wake() override { hub_->bell(rank()).ring(); }

  void tell(const Failure& failure) override {
    const std::lock_guard lock(hub_->mutex);
    for (const InprocTransport* peer : hub_->ranks) {
      if (peer != nullptr && peer != this && peer->listener_ != nullptr) {
        peer->listener_->told(failure);
      }
    }
  }

  void ask(int peer, uint32_t op) override {
    TransportListener* listener = nullptr;
    std::string answer;
    {
      const std::lock_guard lock(hub_->mutex);
      const InprocTransport* other = hub_->ranks[static_cast<size_t>(peer)];
      if (other == nullptr || other->listener_ == nullptr) return;
      answer = other->listener_->describe_op(op);
      listener = listener_;
    }
    listener->described(peer, op, answer);
  }

 private:
  struct Out {
    MessageQueue posted;  // not yet in a slot
    std::array<Message*, kMessagesInFlight> in_slots{};
    uint64_t sent = 0;   // into slots
    uint64_t freed = 0;  // read by the peer
    int peer = -1;
    int lane = 0;
  };

  struct In {
    MessageQueue posted;
    uint64_t received = 0;
    bool stuck = false;  // nothing more will be received
    int peer = -1;
    int lane = 0;
  };

  size_t at(int peer, int lane) const { return static_cast<size_t>(peer * lanes() + lane); }

  bool move_out(Out& out) {
    Channel& channel = hub_->channel(rank(), out.peer, out.lane);
    bool moved = false;
    while (out.freed < out.sent) {
      Slot& slot = channel.slots[out.freed % kMessagesInFlight];
      if (slot.state.load(std::memory_order_acquire) != SlotState::kRead) break;
      slot.state.store(SlotState::kFree, std::memory_order_relaxed);
      Message& message = *out.in_slots[out.freed++ % kMessagesInFlight];
      message.moved = message.bytes;
      message.done = true;
      moved = true;
    }
    while (!out.posted.empty() && out.sent - out.freed < kMessagesInFlight) {
      Message& message = out.posted.pop();
      Slot& slot = channel.slots[out.sent % kMessagesInFlight];
      out.in_slots[out.sent++ % kMessagesInFlight] = &message;
      slot.data = message.data;
      slot.bytes = message.bytes;
      slot.op = message.op;
      slot.index = message.index;
      slot.signature = message.signature;
      slot.state.store(SlotState::kFull, std::memory_order_release);
      hub_->bell(out.peer).ring();
      moved = true;
    }
    return moved;
  }

  bool move_in(In& in) {
    Channel& channel = hub_->channel(in.peer, rank(), in.lane);
    bool moved = false;
    while (!in.posted.empty() && !in.stuck) {
      Message& message = in.posted.front();
      Slot& slot = channel.slots[in.received % kMessagesInFlight];
      auto expected = SlotState::kFull;
      if (!slot.state.compare_exchange_strong(expected, SlotState::kReading)) {
        if (hub_->gone[static_cast<size_t>(in.peer)].load()) {
          give_up(in);
        }
        return moved;
      }
      if (message.moved == 0) {
        const std::string found =
            difference(message, {slot.op, slot.index, slot.signature, slot.bytes});
        if (!found.empty()) {
          in.stuck = true;
          slot.state.store(SlotState::kFull);  // before anybody hears of it and gives up
          listener_->mismatched(message, slot.op, found);
          return moved;
        }
      }
      const size_t count = std::min(message.bytes - message.moved, kMaxPiece);
      if (message.take != nullptr) {
        message.take(message, slot.data + message.moved, message.moved, count);
      } else if (count > 0) {
        std::memcpy(message.data + message.moved, slot.data + message.moved, count);
      }
      message.moved += count;
      moved = true;
      if (message.moved < message.bytes) {
        slot.state.store(SlotState::kFull, std::memory_order_release);
        return true;
      }
      message.done = true;
      in.posted.pop();
      ++in.received;
      slot.state.store(SlotState::kRead, std::memory_order_release);
      hub_->bell(in.peer).ring();
    }
    return moved;
  }

  /// The peer has left. What it sent before can still be read.
  void give_up(In& in) {
    const Slot& slot =
        hub_->channel(in.peer, rank(), in.lane).slots[in.received % kMessagesInFlight];
    if (slot.state.load() == SlotState::kFull) return;
    in.stuck = true;
    listener_->failed(
        {ErrorCode::kUnavailable, in.peer, fmt::format("rank {} has left the group", in.peer)});
  }

  std::shared_ptr<Hub> hub_;
  TransportListener* listener_ = nullptr;
  std::vector<Out> out_;
  std::vector<In> in_;
  std::vector<Out*> sending_;
  std::vector<In*> receiving_;
  std::atomic<uint64_t> polled_{0};
};

}  // namespace

std::vector<std::unique_ptr<Transport>> make_inproc_transports(int size, int lanes) {
  auto hub = std::make_shared<Hub>(size, lanes);
  std::vector<std::unique_ptr<Transport>> transports;
  for (int rank = 0; rank < size; ++rank) {
    transports.push_back(std::make_unique<InprocTransport>(hub, rank));
  }
  return transports;
}

}  // namespace headrace::comm
