#pragma once

#include <cstdint>

#include "core/device.h"

namespace headrace::cuda {

/// Threads of a block, where nothing asks for another number.
inline constexpr int kBlock = 256;

/// Blocks for `items` pieces of work, one per thread at a time: at most as many as keep the device
/// busy, so that kernels walk on with the stride of the grid.
int grid_for(int64_t items, Device device);

}  // namespace headrace::cuda
