#pragma once

#include <cstddef>

namespace headrace {

/// Lays out the scratch memory of a kernel at prepare: pieces one after another, each aligned to a
/// cache line.
class ScratchLayout {
 public:
  /// Reserves a piece; returns its offset.
  size_t add(size_t bytes) {
    const size_t offset = bytes_;
    bytes_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
    return offset;
  }
  /// Pieces that are never in use at the same time may overlap: forget what was added since.
  void rewind(size_t offset) { bytes_ = offset; }
  size_t bytes() const { return bytes_; }

  template <typename T = std::byte>
  static T* at(void* scratch, size_t offset) {
    return reinterpret_cast<T*>(static_cast<std::byte*>(scratch) + offset);
  }

 private:
  static constexpr size_t kAlignment = 64;
  size_t bytes_ = 0;
};

}  // namespace headrace
