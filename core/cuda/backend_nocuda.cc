#include "core/cuda/backend.h"
#include "core/error.h"

namespace headrace::cuda {

int device_count() { return 0; }

std::shared_ptr<Buffer> allocate(size_t bytes, Device device) {
  fail(ErrorCode::kUnsupported,
       "cannot allocate {} bytes on {}: this build of headrace has no CUDA; rebuild where a CUDA "
       "toolkit is installed",
       bytes, device.to_string());
}

void copy(void*, Device target_device, const void*, Device source_device, size_t) {
  fail(ErrorCode::kUnsupported, "cannot copy from {} to {}: this build of headrace has no CUDA",
       source_device.to_string(), target_device.to_string());
}

}  // namespace headrace::cuda
