#include "core/cuda/grid.h"

#include <algorithm>
#include <array>
#include <atomic>

#include <cuda_runtime_api.h>

#include "core/cuda/check.h"

namespace headrace::cuda {
namespace {

constexpr int kMaxDevices = 64;

/// Asked once per device; several threads may ask at the same time and get the same answer.
int multiprocessors(Device device) {
  static std::array<std::atomic<int>, kMaxDevices> known{};
  require(device.id < kMaxDevices, ErrorCode::kUnsupported,
          "{} is beyond the {} devices that are supported", device.to_string(), kMaxDevices);
  int count = known[device.id].load(std::memory_order_relaxed);
  if (count == 0) {
    check(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device.id), device,
          "cudaDeviceGetAttribute");
    known[device.id].store(count, std::memory_order_relaxed);
  }
  return count;
}

}  // namespace

int grid_for(int64_t items, Device device) {
  // Eight blocks of this size fill a processor; twice that evens out the last round.
  constexpr int64_t kBlocksPerProcessor = 16;
  const int64_t needed = (items + kBlock - 1) / kBlock;
  return static_cast<int>(std::min(needed, kBlocksPerProcessor * multiprocessors(device)));
}

}  // namespace headrace::cuda
