#include "comm/transport/shm.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "comm/fence.h"
#include "comm/transport/control.h"
#include "comm/transport/queue.h"
#include "comm/transport/regions.h"
#include "comm/transport/segment.h"
#include "core/error.h"

namespace headrace::comm {
namespace {

/// Shorter messages are copied through the ring: that is quicker than to tell where they are and to
/// hear that they have been read.
constexpr size_t kLentFrom = size_t{48} << 10;
constexpr size_t kLentFromInTurns = size_t{8} << 10;  // where ranks share cores
/// A peer that sleeps is told of a longer chunk at once, of shorter ones when nothing else is to be
/// moved.
constexpr size_t kShort = size_t{1} << 10;

class ShmTransport final : public Transport {
 public:
  ShmTransport(const MeshOptions& options, int lanes, Mesh mesh, Store& store, Deadline deadline)
      : Transport(options.rank, options.size, lanes, mesh.ranks_on_host, mesh.cores_on_host),
        segment_(options.rank, options.size, lanes, store, deadline),
        bell_(segment_.bell(options.rank)),
        regions_(segment_, options.rank),
        peer_regions_(segment_, options.rank, options.size),
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
    segment_.meet(store, deadline);
    for (int peer = 0; peer < size(); ++peer) {
      if (peer == rank()) continue;
      const std::string refusal = peer_regions_.refusal(peer);
      if (refusal.empty()) {
        segment_.reads(rank(), peer).store(1);
      } else if (options.warn) {
        options.warn(fmt::format(
            "rank {} cannot read the memory of rank {}, whose long messages to it are copied twice "
            "therefore: {}",
            rank(), peer, refusal));
      }
    }
  }

  std::string_view name() const override { return "shm"; }

  void listen(TransportListener& listener) override {
    listener_ = &listener;
    control_.listen(listener);
  }

  void add_region(void* data, size_t bytes) override { regions_.add(data, bytes); }
  void remove_region(void* data) override { regions_.remove(data); }

  void send(Message& message) override {
    Out& out = out_[at(message.peer, message.lane)];
    const bool idle = !out.busy();
    out.posted.push(message);
    if (!idle) return;
    size_t budget = kMaxPiece;
    move_out(out, budget);
    if (out.busy()) sending_.push_back(&out);
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
      i = keep(sending_, i, sending_[i]->busy());
    }
    for (size_t i = 0; i < receiving_.size();) {
      moved |= move_in(*receiving_[i]);
      i = keep(receiving_, i, !receiving_[i]->posted.empty());
    }
    if (moved && listens_.load(std::memory_order_relaxed) && listens_.exchange(false)) {
      bell_.listeners.fetch_sub(1);
    }
    flush();
    return moved;
  }

  void flush() override {
    if (to_ring_.empty()) return;
    full_fence();
    for (const int peer : to_ring_) segment_.bell(peer).ring_if_heard();
    to_ring_.clear();
  }

  // Peers only read what was lent to them, and look afterwards whether it still was.
  void cancel() override {
    bell_.cancelled.store(1);
    for (Out& out : out_) {
      out.posted.clear();
      out.lent.fill(nullptr);
      out.lent_count = 0;
    }
    for (In& in : in_) in.posted.clear();
    sending_.clear();
    receiving_.clear();
  }

  // Who has just moved something will soon move more. The first wait after that returns at once,
  // but from then on peers ring; what came before is found by the poll that follows, and the next
  // wait sleeps. It counts itself before it asks whether this rank has listened: another thread's
  // poll may end that listening at any moment, and from then until the sleep nobody would ring.
  void wait(std::chrono::steady_clock::time_point until) override {
    bell_.listeners.fetch_add(1);
    if (listens_.exchange(true)) {
      bell_.wait(polled_.load(std::memory_order_relaxed), until);
      bell_.listeners.fetch_sub(1);
    }  // else it stays counted, until a poll moves something
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
    /// Messages that are in the ring, and done when the peer has read a chunk, by its slot: the
    /// last one that was lent.
    std::array<Message*, Ring::kSlots> lent{};
    int lent_count = 0;
    uint64_t unread = 0;     // the first chunk that may not have been read, while there are any
    uint64_t last_lent = 0;  // chunk of the message in front, and 1; 0: none

    bool busy() const { return !posted.empty() || lent_count > 0; }
  };

  struct In {
    MessageQueue posted;
    Ring* ring = nullptr;
    uint64_t received = 0;  // chunks
    /// What the slot of a chunk says, once it has been looked at, and how much has been read.
    uint32_t generation = 0;
    uint32_t region = 0;
    size_t count = 0;
    uint64_t offset = 0;
    size_t read = 0;
    bool stuck = false;  // nothing more will be received
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
    bool moved = finish_lent(out);
    while (!out.posted.empty() && budget > 0) {
      Slot& slot = out.ring->slots[out.sent % Ring::kSlots];
      if (!is_empty(out, slot)) return moved;
      if (finish_lent(out)) moved = true;
      Message& message = out.posted.front();
      slot.op = message.op;
      slot.index = message.index;
      slot.signature = message.signature;
      slot.bytes = message.bytes;
      const size_t count = fill(out, slot, message);
      const bool copied = out.last_lent != out.sent + 1;
      slot.count = count;
      // Whether the peer sleeps is looked at later, behind a fence: to wait here until the store is
      // seen everywhere would take an eighth of a short allreduce.
      slot.full.store(1, std::memory_order_release);
      if (to_ring_.empty() || to_ring_.back() != out.peer) to_ring_.push_back(out.peer);
      if (message.bytes > kShort) flush();
      ++out.sent;
      // The receiver had the next slot last; to have its lines here by then makes the next send of
      // a short message a third faster.
      Slot& next = out.ring->slots[out.sent % Ring::kSlots];
      __builtin_prefetch(&next, 1);
      __builtin_prefetch(next.data, 1);
      budget -= std::min(budget, std::max<size_t>(copied ? count : 0, 64));
      message.moved += count;
      moved = true;
      if (message.moved == message.bytes) {
        out.posted.pop();
        put(out, message);
      }
    }
    // What was read before the peer saw that we wait for it, nobody tells.
    while (out.lent_count > 0 && is_empty(out, out.ring->slots[out.unread % Ring::kSlots])) {
      moved |= finish_lent(out);
    }
    return moved;
  }

  /// Whether the receiver has read a slot; if not, it will tell.
  static bool is_empty(Out& out, Slot& slot) {
    if (slot.full.load(std::memory_order_acquire) == 0) return true;
    // Ask to be told; then look again, because the receiver may have looked for the request just
    // before.
    if (out.ring->sender_waits.load() == 0) out.ring->sender_waits.store(1);
    return slot.full.load() == 0;
  }

  /// Puts the next chunk of a message into a slot, or where it is. Its length.
  size_t fill(Out& out, Slot& slot, const Message& message) {
    const std::byte* data = message.data + message.moved;
    const size_t left = message.bytes - message.moved;
    slot.generation = 0;
    size_t count = std::min(left, Slot::kBytes);
    if (message.bytes >= lent_from_ && reinterpret_cast<uintptr_t>(data) % 8 == 0 &&
        segment_.reads(out.peer, rank()).load(std::memory_order_relaxed) != 0) {
      const OwnRegions::Found found = regions_.find(data, left);
      if (found.count > 0) {
        slot.generation = found.generation;
        slot.region = found.region;
        slot.offset = found.offset;
        out.last_lent = out.sent + 1;
        return found.count;
      }
      count = std::min(count, found.before);
    }
    if (count > 0) std::memcpy(slot.data, data, count);
    return count;
  }

  /// A message is in the ring with all its chunks.
  static void put(Out& out, Message& message) {
    const uint64_t last_lent = std::exchange(out.last_lent, 0);
    const uint64_t chunk = last_lent - 1;
    if (last_lent == 0 || out.sent - chunk > Ring::kSlots) {  // nothing lent, or long read
      message.done = true;
      return;
    }
    if (out.lent_count++ == 0) out.unread = chunk;
    out.lent[chunk % Ring::kSlots] = &message;
  }

  /// Messages of which the peer has read what was lent to it are done. Chunks are read in order.
  static bool finish_lent(Out& out) {
    bool moved = false;
    while (out.lent_count > 0 &&
           out.ring->slots[out.unread % Ring::kSlots].full.load(std::memory_order_acquire) == 0) {
      Message*& message = out.lent[out.unread++ % Ring::kSlots];
      if (message == nullptr) continue;
      std::exchange(message, nullptr)->done = true;
      --out.lent_count;
      moved = true;
    }
    return moved;
  }

  bool move_in(In& in) {
    bool moved = false;
    size_t budget = kMaxPiece;
    while (!in.posted.empty() && !in.stuck && budget > 0) {
      Message& message = in.posted.front();
      Slot& slot = in.ring->slots[in.received % Ring::kSlots];
      // So that the bytes come together with the word that says that they are there.
      __builtin_prefetch(slot.data);
      if (slot.full.load() == 0) {
        if (segment_.bell(in.peer).gone.load() != 0 && slot.full.load() == 0) {
          in.stuck = true;
          control_.lost(in.peer, fmt::format("rank {} has left the group", in.peer));
        }
        return moved;
      }
      if (in.read == 0 && !as_expected(in, message, slot)) {
        in.stuck = true;
        return moved;
      }
      const bool is_lent = in.generation != 0;
      const size_t count = is_lent ? std::min(budget, in.count - in.read) : in.count;
      const std::byte* bytes = is_lent ? lent(in, count) : slot.data;
      if (bytes == nullptr) return moved;
      if (count > 0 && message.take != nullptr) {
        message.take(message, bytes, message.moved, count);
      } else if (count > 0) {
        std::memcpy(message.data + message.moved, bytes, count);
      }
      if (is_lent && !still_lent(in)) return moved;
      in.read += count;
      budget -= std::min(budget, std::max<size_t>(count, 64));
      message.moved += count;
      moved = true;
      if (in.read < in.count) continue;
      in.read = 0;
      slot.full.store(0);
      if (in.ring->sender_waits.load() != 0) {
        in.ring->sender_waits.store(0);
        full_fence();
        segment_.bell(in.peer).ring_if_heard();
      }
      ++in.received;
      if (message.moved == message.bytes) {
        message.done = true;
        in.posted.pop();
      }
    }
    return moved;
  }

  /// The next bytes of a lent chunk; null if this rank cannot read them, which has been told then.
  const std::byte* lent(In& in, size_t count) {
    try {
      return peer_regions_.at(in.peer, in.region, in.generation, in.offset + in.read, count);
    } catch (const Error& error) {
      in.stuck = true;
      control_.lost(in.peer, error.what());
      return nullptr;
    }
  }

  /// After reading: a peer that has failed meanwhile says so before it lets its caller write to
  /// what it had lent. Nobody waits for the other, who may be frozen.
  bool still_lent(In& in) {
    // Writes what is there: a load alone might come before what was read, and ThreadSanitizer knows
    // no fences.
    if (segment_.bell(in.peer).cancelled.fetch_or(0) == 0) return true;
    in.stuck = true;
    control_.lost(in.peer, fmt::format("rank {} has given up what it was sending", in.peer));
    return false;
  }

  /// What stands in shared memory is not believed before it is looked at.
  bool as_expected(In& in, const Message& message, const Slot& slot) {
    in.generation = slot.generation;
    in.region = slot.region;
    in.count = slot.count;
    in.offset = slot.offset;
    std::string found = difference(message, {slot.op, slot.index, slot.signature, slot.bytes});
    const size_t left = message.bytes - message.moved;
    const bool fits = in.count <= left && (in.count > 0 || message.bytes == 0) &&
                      (in.generation != 0 || in.count <= Slot::kBytes) &&
                      (message.take == nullptr || in.count % message.unit == 0);
    if (found.empty() && !fits) {
      found =
          fmt::format("a chunk of {} bytes after {} of {}", in.count, message.moved, message.bytes);
    }
    if (found.empty()) return true;
    listener_->mismatched(message, slot.op, found);
    return false;
  }

  const size_t lent_from_ = ranks_on_host() > cores_on_host() ? kLentFromInTurns : kLentFrom;
  Segment segment_;
  Segment::Bell& bell_;
  OwnRegions regions_;
  PeerRegions peer_regions_;
  std::vector<Out> out_;
  std::vector<In> in_;
  std::vector<Out*> sending_;
  std::vector<In*> receiving_;
  std::vector<int> to_ring_;          // peers who may sleep, since something was sent to them
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
