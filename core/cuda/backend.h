#pragma once

#include "core/device_backend.h"

namespace headrace::cuda {

/// CUDA behind the device abstraction, free of CUDA headers. A build without a toolkit links
/// backend_nocuda.cc, which has no devices and says so.
DeviceBackend& backend();

}  // namespace headrace::cuda
