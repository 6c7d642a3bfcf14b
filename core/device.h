#pragma once

#include <cstdint>
#include <string>

namespace headrace {

enum class DeviceKind : uint8_t { kCpu, kCuda };

/// A place where tensors live and kernels run. All CPU ids mean this machine.
struct Device {
  DeviceKind kind = DeviceKind::kCpu;
  int id = 0;

  bool operator==(const Device&) const = default;
  bool is_cpu() const { return kind == DeviceKind::kCpu; }
  /// "cpu" or "cuda:1".
  std::string to_string() const;
};

/// How many devices of a kind this process can use; 1 CPU. 0 GPUs in a build without CUDA and on a
/// machine without a GPU or its driver.
int device_count(DeviceKind kind);

}  // namespace headrace
