#pragma once

#include <cuda_runtime_api.h>

#include "core/cuda/watcher.h"
#include "core/stream.h"

namespace headrace::cuda {

/// What Stream::handle points to.
struct StreamState {
  StreamState(Device device, cudaStream_t stream) : queue(stream), watcher(device, stream) {}
  cudaStream_t queue;
  Watcher watcher;
};

/// The CUDA stream that kernels are launched on.
inline cudaStream_t queue_of(Stream stream) {
  return static_cast<StreamState*>(stream.handle)->queue;
}

}  // namespace headrace::cuda
