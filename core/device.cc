#include "core/device.h"

#include <atomic>

#include "core/cuda/backend.h"
#include "core/device_backend.h"
#include "core/error.h"

namespace headrace {
namespace {

std::atomic<DeviceBackend*>& cuda_slot() {
  static std::atomic<DeviceBackend*> slot = &cuda::backend();
  return slot;
}

}  // namespace

std::string Device::to_string() const { return is_cpu() ? "cpu" : "cuda:" + std::to_string(id); }

int device_count(DeviceKind kind) {
  return kind == DeviceKind::kCpu ? 1 : device_backend(kind).device_count();
}

DeviceBackend& device_backend(DeviceKind kind) {
  require(kind == DeviceKind::kCuda, ErrorCode::kInternal, "the CPU has no device backend");
  return *cuda_slot().load(std::memory_order_acquire);
}

DeviceBackend& replace_device_backend(DeviceKind kind, DeviceBackend& backend) {
  require(kind == DeviceKind::kCuda, ErrorCode::kInternal, "the CPU has no device backend");
  return *cuda_slot().exchange(&backend, std::memory_order_acq_rel);
}

}  // namespace headrace
