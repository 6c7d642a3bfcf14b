#pragma once

#include <cstdint>

#include <cuda_runtime.h>

#include "core/cuda/check.h"
#include "core/cuda/grid.h"
#include "core/cuda/stream.h"
#include "core/stream.h"

namespace headrace::cuda {

/// Queues a kernel; throws when the device refuses it. An empty grid is no work.
template <typename... Parameters, typename... Arguments>
void launch(Stream stream, dim3 grid, dim3 block, void (*kernel)(Parameters...),
            Arguments... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  kernel<<<grid, block, 0, queue_of(stream)>>>(arguments...);
  check(cudaGetLastError(), stream.device, "launching a kernel");
}

/// The first item of a thread and the step to its next one, in a grid of one dimension.
__device__ inline int64_t first_item() {
  return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ inline int64_t item_stride() { return static_cast<int64_t>(gridDim.x) * blockDim.x; }

}  // namespace headrace::cuda
