#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "comm/transport/segment.h"
#include "comm/transport/shared_pages.h"

namespace headrace::comm {

/// Memory of this rank that other ranks of its host read by themselves: what they have to know of
/// it stands in the segment. Region 0 is a page that they try it with. Thread-safe.
class OwnRegions {
 public:
  OwnRegions(const Segment& segment, int rank);
  ~OwnRegions();
  OwnRegions(const OwnRegions&) = delete;
  OwnRegions& operator=(const OwnRegions&) = delete;

  /// See Transport. Throws like SharedPages, kInvalidArgument for the same range twice, and
  /// kUnsupported for more than Segment::kRegions ranges at a time.
  void add(void* data, size_t bytes);
  void remove(void* data);

  /// Where the bytes at an address are for others.
  struct Found {
    uint32_t region = 0;
    uint32_t generation = 0;
    uint64_t offset = 0;
    size_t count = 0;   // how many of them, from the first on; 0: that one is not shared
    size_t before = 0;  // if it is 0: so many bytes are not shared
  };
  Found find(const std::byte* data, size_t bytes);

 private:
  struct Region {
    SharedPages pages;
    uint32_t index = 0;
  };

  Segment::Memory& memory_;
  void* probe_ = nullptr;
  std::mutex mutex_;
  std::map<const void*, Region> regions_;               // by what was added
  std::map<const std::byte*, const Region*> by_pages_;  // those with pages, by the first
};

/// Memory of other ranks, as far as this one reads it. One thread at a time.
class PeerRegions {
 public:
  PeerRegions(const Segment& segment, int rank, int size);
  ~PeerRegions();
  PeerRegions(const PeerRegions&) = delete;
  PeerRegions& operator=(const PeerRegions&) = delete;

  /// Tries whether this rank can read the memory of another, which has made its OwnRegions; empty,
  /// or why not.
  std::string refusal(int peer);

  /// The `bytes` at an offset of a region of a peer. It is mapped on first use, stays readable
  /// even after the peer's death, and is given up when the peer has put another one in its
  /// place. Throws kCorrupt for what the peer has not, kIo when it cannot be mapped.
  const std::byte* at(int peer, uint32_t region, uint32_t generation, uint64_t offset,
                      uint64_t bytes);

 private:
  struct Mapping {
    uint32_t generation = 0;
    const std::byte* begin = nullptr;
    uint64_t bytes = 0;
  };

  void map(int peer, uint32_t region, Mapping& mapping);
  static void unmap(Mapping& mapping);

  const Segment& segment_;
  std::vector<std::vector<Mapping>> mappings_;  // per peer and region
};

}  // namespace headrace::comm
