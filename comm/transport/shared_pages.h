#pragma once

#include <cstddef>
#include <cstdint>

namespace headrace::comm {

/// Memory of this process that others can map: the whole pages of a range are moved into an
/// anonymous file, where they keep their addresses and what is in them. When the last object for
/// them goes they become private again. Nothing is left of the file when the processes that have
/// it end, however they end.
///
/// A child of fork() shares such memory with its parent, instead of getting a copy.
class SharedPages {
 public:
  SharedPages() = default;
  /// The pages that lie within `bytes` at `data`; none if no page does. Nobody else may write to
  /// them meanwhile. Ranges that are shared already can be shared again, as they are or parts of
  /// them. Throws kInvalidArgument for one that contains more than is shared already, kIo when
  /// there is no memory.
  SharedPages(void* data, size_t bytes);
  ~SharedPages() { reset(); }
  SharedPages(SharedPages&& other) noexcept { *this = static_cast<SharedPages&&>(other); }
  SharedPages& operator=(SharedPages&& other) noexcept;

  std::byte* begin() const { return begin_; }
  size_t bytes() const { return bytes_; }

  /// The file, where in it the pages begin, and its number on this machine.
  struct Place {
    int file = -1;
    uint64_t offset = 0;
    uint64_t inode = 0;
  };
  const Place& place() const { return place_; }

 private:
  void reset();

  std::byte* begin_ = nullptr;
  size_t bytes_ = 0;
  Place place_;
};

}  // namespace headrace::comm
