#include "comm/transport/shared_pages.h"

#include <cerrno>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"

namespace headrace::comm {
namespace {

/// A range that is a mapping of a file. Several groups of ranks may share one.
struct Shared {
  size_t bytes = 0;
  SharedPages::Place place;
  int users = 0;
};

/// All of this process.
struct Registry {
  std::mutex mutex;
  std::map<std::byte*, Shared> ranges;
};

Registry& registry() {
  static auto* all = new Registry;  // objects in static storage may outlive it otherwise
  return *all;
}

/// Puts what is at `data` to `copy`, which takes over its address.
void move_pages(std::byte* data, size_t bytes, void* copy) {
  std::memcpy(copy, data, bytes);
  require(::mremap(copy, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, data) != MAP_FAILED,
          ErrorCode::kIo, "cannot map {} bytes in another place: {}", bytes, std::strerror(errno));
}

Shared make_shared(std::byte* data, size_t bytes) {
  const int file = ::memfd_create("headrace", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  Shared shared{.bytes = bytes, .place = {.file = file}};
  try {
    const auto length = static_cast<off_t>(bytes);
    // Now, and not when a page is first written: there is no error then but a signal.
    const bool there =
        file >= 0 && ::ftruncate(file, length) == 0 && ::fallocate(file, 0, 0, length) == 0;
    require(there, ErrorCode::kIo, "no memory of {} bytes to share with other ranks: {}", bytes,
            std::strerror(errno));
    // Who has mapped it can rely on its pages, whatever becomes of this process.
    require(::fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0,
            ErrorCode::kIo, "cannot seal shared memory: {}", std::strerror(errno));
    struct stat status {};
    require(::fstat(file, &status) == 0, ErrorCode::kIo, "no status of shared memory: {}",
            std::strerror(errno));
    shared.place.inode = status.st_ino;
    void* copy = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, file, 0);
    require(copy != MAP_FAILED, ErrorCode::kIo, "cannot map {} bytes of shared memory: {}", bytes,
            std::strerror(errno));
    move_pages(data, bytes, copy);
  } catch (...) {
    if (file >= 0) ::close(file);
    throw;
  }
  return shared;
}

/// Without memory for a copy the pages stay as they are: good for this process all the same.
void make_private(std::byte* data, const Shared& shared) {
  void* copy = ::mmap(nullptr, shared.bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (copy != MAP_FAILED) {
    std::memcpy(copy, data, shared.bytes);
    ::mremap(copy, shared.bytes, shared.bytes, MREMAP_MAYMOVE | MREMAP_FIXED, data);
  }
  ::close(shared.place.file);
}

}  // namespace

SharedPages::SharedPages(void* data, size_t bytes) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto address = reinterpret_cast<uintptr_t>(data);
  const uintptr_t begin = (address + page - 1) / page * page;
  const uintptr_t end = (address + bytes) / page * page;
  if (begin >= end) return;
  auto* const first = reinterpret_cast<std::byte*>(begin);
  const size_t length = end - begin;

  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  auto next = all.ranges.upper_bound(first);
  auto found = next == all.ranges.begin() ? all.ranges.end() : std::prev(next);
  const bool overlaps = found != all.ranges.end() && first < found->first + found->second.bytes;
  if (overlaps) {
    require(first + length <= found->first + found->second.bytes, ErrorCode::kInvalidArgument,
            "{} bytes to be shared begin within {} that are shared already and go beyond them",
            bytes, found->second.bytes);
  } else {
    require(next == all.ranges.end() || first + length <= next->first, ErrorCode::kInvalidArgument,
            "{} bytes to be shared contain {} that are shared already", bytes,
            next == all.ranges.end() ? 0 : next->second.bytes);
    found = all.ranges.emplace(first, make_shared(first, length)).first;
  }
  ++found->second.users;
  begin_ = first;
  bytes_ = length;
  place_ = found->second.place;
  place_.offset = static_cast<uint64_t>(first - found->first);
}

SharedPages& SharedPages::operator=(SharedPages&& other) noexcept {
  if (this == &other) return *this;
  reset();
  begin_ = std::exchange(other.begin_, nullptr);
  bytes_ = std::exchange(other.bytes_, 0);
  place_ = other.place_;
  return *this;
}

void SharedPages::reset() {
  if (begin_ == nullptr) return;
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  const auto found = std::prev(all.ranges.upper_bound(begin_));
  if (--found->second.users == 0) {
    make_private(found->first, found->second);
    all.ranges.erase(found);
  }
  begin_ = nullptr;
}

}  // namespace headrace::comm
