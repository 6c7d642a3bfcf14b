#pragma once

#include <source_location>
#include <string_view>

#include <cuda_runtime_api.h>

#include "core/device.h"
#include "core/error.h"

namespace headrace::cuda {

/// What went wrong on a device: the call, CUDA's name for the error and its explanation, and what
/// to do about it. kState when memory has run out, kUnsupported when the device or driver cannot,
/// else kInternal.
Error error_of(cudaError_t status, Device device, std::string_view call,
               std::source_location where = std::source_location::current());

/// Throws error_of() unless a call has succeeded, and clears the thread's last error, so that no
/// later check finds it again.
void check(cudaError_t status, Device device, std::string_view call,
           std::source_location where = std::source_location::current());

}  // namespace headrace::cuda
