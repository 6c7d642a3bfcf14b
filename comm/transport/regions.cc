#include "comm/transport/regions.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"

namespace headrace::comm {
namespace {

size_t page_bytes() { return static_cast<size_t>(::sysconf(_SC_PAGESIZE)); }

}  // namespace

OwnRegions::OwnRegions(const Segment& segment, int rank) : memory_(segment.memory(rank)) {
  memory_.process.store(::getpid());
  probe_ =
      ::mmap(nullptr, page_bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  require(probe_ != MAP_FAILED, ErrorCode::kIo, "no memory for a page: {}", std::strerror(errno));
  try {
    add(probe_, page_bytes());
  } catch (...) {
    ::munmap(probe_, page_bytes());
    throw;
  }
}

OwnRegions::~OwnRegions() {
  for (const auto& [data, region] : regions_) {
    if (region.pages.bytes() > 0) memory_.regions[region.index].generation.fetch_add(1);
  }
  regions_.clear();
  ::munmap(probe_, page_bytes());
}

void OwnRegions::add(void* data, size_t bytes) {
  const std::lock_guard lock(mutex_);
  require(!regions_.contains(data), ErrorCode::kInvalidArgument,
          "a region of {} bytes is added twice", bytes);
  Region region{.pages = SharedPages(data, bytes)};
  if (region.pages.bytes() > 0) {
    // An odd generation is in use.
    while (region.index < Segment::kRegions &&
           memory_.regions[region.index].generation.load() % 2 == 1) {
      ++region.index;
    }
    require(region.index < Segment::kRegions, ErrorCode::kUnsupported,
            "a group has at most {} regions at a time; remove some before you add more",
            Segment::kRegions);
    Segment::Region& entry = memory_.regions[region.index];
    const SharedPages::Place& place = region.pages.place();
    entry.file = place.file;
    entry.inode = place.inode;
    entry.offset = place.offset;
    entry.bytes = region.pages.bytes();
    entry.generation.fetch_add(1);
  }
  const auto placed = regions_.emplace(data, std::move(region)).first;
  if (placed->second.pages.bytes() > 0) {
    by_pages_.emplace(placed->second.pages.begin(), &placed->second);
  }
}

void OwnRegions::remove(void* data) {
  const std::lock_guard lock(mutex_);
  const auto found = regions_.find(data);
  require(found != regions_.end(), ErrorCode::kInvalidArgument,
          "a region that was not added cannot be removed");
  const Region& region = found->second;
  if (region.pages.bytes() > 0) {
    memory_.regions[region.index].generation.fetch_add(1);
    by_pages_.erase(region.pages.begin());
  }
  regions_.erase(found);
}

OwnRegions::Found OwnRegions::find(const std::byte* data, size_t bytes) {
  const std::lock_guard lock(mutex_);
  const auto next = by_pages_.upper_bound(data);
  if (next != by_pages_.begin()) {
    const Region& region = *std::prev(next)->second;
    const auto offset = static_cast<size_t>(data - region.pages.begin());
    if (offset < region.pages.bytes()) {
      return {.region = region.index,
              .generation = memory_.regions[region.index].generation.load(),
              .offset = offset,
              .count = std::min(bytes, region.pages.bytes() - offset)};
    }
  }
  const size_t before = next == by_pages_.end() ? bytes : static_cast<size_t>(next->first - data);
  return {.before = std::min(before, bytes)};
}

PeerRegions::PeerRegions(const Segment& segment, int rank, int size)
    : segment_(segment), mappings_(static_cast<size_t>(size)) {
  for (int peer = 0; peer < size; ++peer) {
    if (peer != rank) mappings_[static_cast<size_t>(peer)].resize(Segment::kRegions);
  }
}

PeerRegions::~PeerRegions() {
  for (auto& of_peer : mappings_) {
    for (Mapping& mapping : of_peer) unmap(mapping);
  }
}

std::string PeerRegions::refusal(int peer) {
  try {
    at(peer, 0, segment_.memory(peer).regions[0].generation.load(), 0, 1);
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

const std::byte* PeerRegions::at(int peer, uint32_t region, uint32_t generation, uint64_t offset,
                                 uint64_t bytes) {
  require(region < Segment::kRegions, ErrorCode::kCorrupt,
          "rank {} speaks of its region {}; there are {}", peer, region, Segment::kRegions);
  Mapping& mapping = mappings_[static_cast<size_t>(peer)][region];
  if (mapping.generation != generation || mapping.begin == nullptr) {
    unmap(mapping);
    map(peer, region, mapping);
    const uint32_t now = segment_.memory(peer).regions[region].generation.load();
    if (now != generation) unmap(mapping);
    require(now == generation, ErrorCode::kCorrupt,
            "rank {} speaks of its region {} in generation {}, which is {}", peer, region,
            generation, now);
    mapping.generation = generation;
  }
  require(offset <= mapping.bytes && bytes <= mapping.bytes - offset, ErrorCode::kCorrupt,
          "rank {} speaks of {} bytes at {} of a region of {}", peer, bytes, offset, mapping.bytes);
  return mapping.begin + offset;
}

void PeerRegions::map(int peer, uint32_t region, Mapping& mapping) {
  const Segment::Memory& memory = segment_.memory(peer);
  const Segment::Region& entry = memory.regions[region];
  const std::string path = fmt::format("/proc/{}/fd/{}", memory.process.load(), entry.file);
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  require(static_cast<bool>(file), ErrorCode::kIo, "cannot open the memory {} of rank {}: {}", path,
          peer, std::strerror(errno));
  struct stat status {};
  const uint64_t offset = entry.offset;
  const uint64_t bytes = entry.bytes;
  // The file that it has told of, and one that cannot become shorter.
  const int seals = ::fcntl(file.number(), F_GET_SEALS);
  const bool right = ::fstat(file.number(), &status) == 0 && S_ISREG(status.st_mode) &&
                     status.st_ino == entry.inode && seals >= 0 && (seals & F_SEAL_SHRINK) != 0 &&
                     offset <= static_cast<uint64_t>(status.st_size) &&
                     bytes <= static_cast<uint64_t>(status.st_size) - offset && bytes > 0;
  require(right, ErrorCode::kCorrupt, "{} is not the memory of {} bytes that rank {} speaks of",
          path, bytes, peer);
  void* begin =
      ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file.number(), static_cast<off_t>(offset));
  require(begin != MAP_FAILED, ErrorCode::kIo, "cannot map {} bytes of rank {}'s memory: {}", bytes,
          peer, std::strerror(errno));
  mapping = {.generation = 0, .begin = static_cast<const std::byte*>(begin), .bytes = bytes};
}

void PeerRegions::unmap(Mapping& mapping) {
  if (mapping.begin != nullptr) ::munmap(const_cast<std::byte*>(mapping.begin), mapping.bytes);
  mapping = {};
}

}  // namespace headrace::comm
