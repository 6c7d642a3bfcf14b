#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "comm/store.h"
#include "comm/store/socket.h"

namespace headrace::comm {

/// Memory that the ranks of a host share, in an anonymous file: it has no name, so nothing is left
/// of it when the last of them ends, however it ends.
class Segment {
 public:
  /// One chunk on its way. The sender makes it full, the receiver makes it empty; the one who waits
  /// for the other looks at `full` alone. A short message lies in the cache line behind.
  struct alignas(64) Slot {
    static constexpr size_t kBytes = 32 * 1024;
    std::atomic<uint32_t> full{0};
    uint32_t op = 0;
    uint32_t index = 0;
    uint32_t count = 0;  // bytes in this chunk
    uint64_t signature = 0;
    uint64_t bytes = 0;  // of the whole message
    alignas(64) std::byte data[kBytes];
  };

  /// Chunks of one lane from one rank to another, in the order of their sends: a ring with one
  /// writer and one reader. Its bytes fit into the cache that two cores share or a core has, so
  /// that the receiver reads them before they have gone to memory.
  struct Ring {
    static constexpr size_t kSlots = 8;
    alignas(64) std::atomic<uint32_t> sender_waits{0};
    Slot slots[kSlots];
  };

  /// Where a rank sleeps. It says that it listens before it looks for the last time and sleeps, so
  /// that peers who bring something to a rank that is awake touch nothing that it writes.
  struct alignas(64) Bell {
    std::atomic<uint32_t> rings{0};
    std::atomic<uint32_t> listeners{0};
    /// The rank has left. Peers look at it while they wait, so it has a cache line of its own.
    alignas(64) std::atomic<uint32_t> gone{0};

    /// After something was stored for the rank: wakes it if it listens. Whoever says that he
    /// listens either sees what was stored before this call, or is woken by it.
    void ring_if_heard();
    /// Wakes it, or ends its next sleep before it begins.
    void ring();
    /// Until it has rung since `rings` was `seen`, or `until`. May return early. Listens meanwhile.
    void wait(uint32_t seen, std::chrono::steady_clock::time_point until);
  };

  /// Made by rank 0 and found by the others through the store. Throws kUnsupported where a rank
  /// cannot see the memory of another (another host, user, or container), kTimeout at the deadline.
  Segment(int rank, int size, int lanes, Store& store, Deadline deadline);
  ~Segment();
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  Ring& ring(int from, int to, int lane) const {
    return rings_[static_cast<size_t>((from * size_ + to) * lanes_ + lane)];
  }
  Bell& bell(int rank) const { return bells_[rank]; }

 private:
  struct Head;

  void create(Store& store);
  void find(Store& store, Deadline deadline);
  void map(const Descriptor& file);

  int size_;
  int lanes_;
  size_t bytes_ = 0;
  void* memory_ = nullptr;
  Descriptor file_;  // rank 0's, until all have found it
  Bell* bells_ = nullptr;
  Ring* rings_ = nullptr;
};

}  // namespace headrace::comm
