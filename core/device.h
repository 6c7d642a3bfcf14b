#pragma once

#include <cstddef>
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

}  // namespace headrace
