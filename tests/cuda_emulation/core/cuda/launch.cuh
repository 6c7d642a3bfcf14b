#pragma once

// Stands in for the header of this name where CUDA sources are compiled as C++: a kernel is a
// function, and its blocks run one after the other, the threads of a block side by side.

#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <utility>

#include "core/error.h"
#include "core/stream.h"

#define __global__
#define __device__
// One kernel runs at a time, and its blocks one after the other, so that they may share it.
#define __shared__ static

struct dim3 {
  unsigned x = 1;
  unsigned y = 1;
  unsigned z = 1;
  dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
  unsigned count() const { return x * y * z; }
};

inline thread_local dim3 gridDim;
inline thread_local dim3 blockDim;
inline thread_local dim3 blockIdx;
inline thread_local dim3 threadIdx;

/// Waits for all threads of the block.
void __syncthreads();

namespace headrace::cuda {

/// Few threads and blocks, so that each has several items even of small tensors.
inline constexpr int kBlock = 8;
int grid_for(int64_t items, Device device);

/// Queues the call of `thread` for each thread of the grid.
void emulate(Stream stream, dim3 grid, dim3 block, std::function<void()> thread);

template <typename... Parameters, typename... Arguments>
void launch(Stream stream, dim3 grid, dim3 block, void (*kernel)(Parameters...),
            Arguments... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  emulate(stream, grid, block, [=] { kernel(arguments...); });
}

inline int64_t first_item() { return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; }
inline int64_t item_stride() { return static_cast<int64_t>(gridDim.x) * blockDim.x; }

}  // namespace headrace::cuda
