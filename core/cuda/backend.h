#pragma once

#include <cstddef>
#include <memory>

#include "core/allocator.h"
#include "core/device.h"

/// The CUDA side of the device abstraction, free of CUDA headers. A build without a toolkit links
/// backend_nocuda.cc, where each call throws Error (kUnsupported).
namespace headrace::cuda {

/// Number of usable GPUs; 0 in a build without CUDA or on a machine without a driver.
int device_count();
std::shared_ptr<Buffer> allocate(size_t bytes, Device device);
/// Copies between host and device or between devices; returns when the bytes have arrived.
void copy(void* target, Device target_device, const void* source, Device source_device,
          size_t bytes);

}  // namespace headrace::cuda
