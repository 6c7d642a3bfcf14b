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
  /// for the other looks at `full` alone. A short message lies in the cache line behind, which
  /// makes a pair with the first, as processors like to fetch them. A chunk of any length may be
  /// lent instead: then the slot says where it is in the sender's regions.
  struct alignas(128) Slot {
    static constexpr size_t kBytes = size_t{32} << 10;
    std::atomic<uint32_t> full{0};
    uint32_t op = 0;
    uint32_t index = 0;
    uint32_t generation = 0;  // of the region; 0: the bytes are here
    uint64_t signature = 0;
    uint64_t bytes = 0;   // of the whole message
    uint64_t count = 0;   // bytes in this chunk
    uint64_t offset = 0;  // in the region
    uint32_t region = 0;
    alignas(64) std::byte data[kBytes];
  };
  static_assert(offsetof(Slot, data) == 64);

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
    /// The rank has forgotten its messages: what it has lent may hold anything since.
    std::atomic<uint32_t> cancelled{0};

    /// After something was stored for the rank, and a full_fence(): wakes it if it listens. Whoever
    /// says that he listens either sees what was stored, or is woken by this.
    void ring_if_heard();
    /// Wakes it, or ends its next sleep before it begins.
    void ring();
    /// Until it has rung since `rings` was `seen`, or `until`. May return early. Listens meanwhile.
    void wait(uint32_t seen, std::chrono::steady_clock::time_point until);
  };

  /// Memory of a rank that others read: a part of a file of that process (shared_pages.h). Valid
  /// while its generation is odd. What it says is not believed before it has been compared with the
  /// file.
  struct Region {
    std::atomic<uint32_t> generation{0};
    int32_t file = -1;
    uint64_t inode = 0;
    uint64_t offset = 0;
    uint64_t bytes = 0;
  };
  static constexpr uint32_t kRegions = 256;
  struct alignas(64) Memory {
    std::atomic<int32_t> process{0};
    Region regions[kRegions];
  };

  /// Made by rank 0 and found by the others through the store. Throws kUnsupported where a rank
  /// cannot see the memory of another (another host, user, or container), kTimeout at the deadline.
  Segment(int rank, int size, int lanes, Store& store, Deadline deadline);
  ~Segment();
  /// Returns when all ranks have called it.
  void meet(Store& store, Deadline deadline);
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  Ring& ring(int from, int to, int lane) const {
    return rings_[static_cast<size_t>((from * size_ + to) * lanes_ + lane)];
  }
  Bell& bell(int rank) const { return bells_[rank]; }
  Memory& memory(int rank) const { return memories_[rank]; }
  /// 1 when `reader` has found that it can read the regions of `owner`.
  std::atomic<uint8_t>& reads(int reader, int owner) const {
    return reads_[static_cast<size_t>(reader * size_ + owner)];
  }

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
  Memory* memories_ = nullptr;
  std::atomic<uint8_t>* reads_ = nullptr;
  Ring* rings_ = nullptr;
};

}  // namespace headrace::comm
