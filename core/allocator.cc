#include "core/allocator.h"

#include <cstdlib>
#include <cstring>

#include <sys/mman.h>

#include "core/device_backend.h"
#include "core/error.h"

namespace headrace {
namespace {

class HostBuffer : public Buffer {
 public:
  HostBuffer(void* data, size_t bytes) : Buffer(data, bytes, Device{}) {}
  ~HostBuffer() override { std::free(data_); }
};

constexpr size_t kHugePage = size_t{2} << 20;

}  // namespace

void prefer_huge_pages(void* data, size_t bytes) {
  const auto address = reinterpret_cast<uintptr_t>(data);
  const uintptr_t begin = (address + kHugePage - 1) / kHugePage * kHugePage;
  const uintptr_t end = (address + bytes) / kHugePage * kHugePage;
  // A wish: a kernel without huge pages refuses it, and small pages hold the same.
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
}

std::shared_ptr<Buffer> allocate(size_t bytes, Device device) {
  if (!device.is_cpu()) return device_backend(device.kind).allocate(bytes, device);
  size_t size = align_up(bytes == 0 ? 1 : bytes);
  require(size >= bytes, ErrorCode::kState, "cannot allocate {} bytes", bytes);
  const bool large = size >= 2 * kHugePage;
  if (large) size = (size + kHugePage - 1) / kHugePage * kHugePage;
  void* data = std::aligned_alloc(large ? kHugePage : kAlignment, size);
  require(data != nullptr, ErrorCode::kState, "out of memory: cannot allocate {} bytes", bytes);
  if (large) prefer_huge_pages(data, size);
  return std::make_shared<HostBuffer>(data, bytes);
}

std::shared_ptr<Buffer> allocate_pinned(size_t bytes, Device device) {
  return device_backend(device.kind).allocate_pinned(bytes, device);
}

void copy_bytes(void* target, Device target_device, const void* source, Device source_device,
                size_t bytes) {
  if (bytes == 0) return;
  if (target_device.is_cpu() && source_device.is_cpu()) {
    std::memcpy(target, source, bytes);
  } else {
    const Device device = target_device.is_cpu() ? source_device : target_device;
    device_backend(device.kind).copy(device, target, source, bytes);
  }
}

}  // namespace headrace
