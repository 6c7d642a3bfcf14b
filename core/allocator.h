#pragma once

#include <cstddef>
#include <memory>

#include "core/device.h"

namespace headrace {

/// Start of every tensor and arena slot: a cache line, and enough for any vector load.
inline constexpr size_t kAlignment = 64;

constexpr size_t align_up(size_t bytes, size_t alignment = kAlignment) {
  return (bytes + alignment - 1) / alignment * alignment;
}

/// One block of memory; freed when the last reference goes, and no work queued on a stream may use
/// it then. Thread-safe to share, not to write concurrently.
class Buffer {
 public:
  virtual ~Buffer() = default;
  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  Device device() const { return device_; }

 protected:
  Buffer(void* data, size_t bytes, Device device) : data_(data), bytes_(bytes), device_(device) {}
  void* data_;
  size_t bytes_;
  Device device_;
};

/// Uninitialised memory, aligned to kAlignment. Throws Error (kState) with the size asked for when
/// the device has no more; (kUnsupported) when this build or machine has no such device.
std::shared_ptr<Buffer> allocate(size_t bytes, Device device = {});

/// Asks the system for huge pages where they fit into fresh memory of the CPU. What streams through
/// megabytes is bound by the tables of small ones: weights are read 1.2 times as fast.
void prefer_huge_pages(void* data, size_t bytes);

/// Host memory that `device` and others of its kind read and write by themselves, for copy_async().
/// The device of such a buffer is the CPU. It is dear to make and cannot be swapped out: for
/// buffers that stay.
std::shared_ptr<Buffer> allocate_pinned(size_t bytes, Device device);

/// Copies between any two devices; returns when the bytes have arrived. Does not wait for work that
/// is queued on streams.
void copy_bytes(void* target, Device target_device, const void* source, Device source_device,
                size_t bytes);

}  // namespace headrace
