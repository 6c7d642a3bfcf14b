// Reorder on a GPU: images from one physical order to the other, or a copy.
#include <algorithm>

#include "core/cuda/launch.cuh"
#include "core/error.h"
#include "core/registry.h"

namespace headrace {
namespace {

/// Side of the square of elements that a block turns.
constexpr int kTile = 32;
/// Rows of a tile that a block handles at a time.
constexpr int kRows = 8;

/// target[c][r] = source[r][c] in each image, a tile per block, through shared memory, so that both
/// sides are read and written in whole lines. The column too many keeps its columns in different
/// banks.
template <typename T>
__global__ void transpose_kernel(const T* source, T* target, int64_t rows, int64_t columns,
                                 int64_t images) {
  __shared__ T tile[kTile][kTile + 1];
  const int64_t column0 = static_cast<int64_t>(blockIdx.x) * kTile;
  const int64_t row_tiles = (rows + kTile - 1) / kTile;
  for (int64_t job = blockIdx.y; job < row_tiles * images; job += gridDim.y) {
    const int64_t row0 = job % row_tiles * kTile;
    const int64_t image = job / row_tiles * rows * columns;
    for (int y = static_cast<int>(threadIdx.y); y < kTile; y += kRows) {
      const int64_t row = row0 + y;
      const int64_t column = column0 + threadIdx.x;
      if (row < rows && column < columns) {
        tile[y][threadIdx.x] = source[image + row * columns + column];
      }
    }
    __syncthreads();
    for (int y = static_cast<int>(threadIdx.y); y < kTile; y += kRows) {
      const int64_t row = row0 + threadIdx.x;
      const int64_t column = column0 + y;
      if (row < rows && column < columns) {
        target[image + column * rows + row] = tile[threadIdx.x][y];
      }
    }
    __syncthreads();  // the next job fills the tile again
  }
}

template <typename T>
std::unique_ptr<Kernel> prepare_transpose(int64_t rows, int64_t columns, int64_t images) {
  constexpr int64_t kMaxGridY = 65535;
  const int64_t jobs = (rows + kTile - 1) / kTile * images;
  const dim3 grid(static_cast<unsigned>((columns + kTile - 1) / kTile),
                  static_cast<unsigned>(std::min(jobs, kMaxGridY)));
  return make_kernel([=](OpContext& run) {
    cuda::launch(run.stream, grid, dim3(kTile, kRows), transpose_kernel<T>, run.input<T>(0),
                 run.output<T>(0), rows, columns, images);
  });
}

/// Channels and pixels of an image change places: rows and columns of a matrix per image.
std::unique_ptr<Kernel> prepare_turn(const PrepareContext& context) {
  const Shape& shape = context.inputs[0].shape;
  const int64_t channels = shape[1];
  const int64_t pixels = shape.product(2, shape.rank());
  const bool to_last = context.outputs[0].layout == Layout::kChannelsLast;
  const int64_t rows = to_last ? channels : pixels;
  const int64_t columns = to_last ? pixels : channels;
  switch (size_of(context.inputs[0].dtype)) {
    case 1:
      return prepare_transpose<uint8_t>(rows, columns, shape[0]);
    case 2:
      return prepare_transpose<uint16_t>(rows, columns, shape[0]);
    case 4:
      return prepare_transpose<uint32_t>(rows, columns, shape[0]);
    case 8:
      return prepare_transpose<uint64_t>(rows, columns, shape[0]);
    default:
      fail(ErrorCode::kInternal, "no reorder for elements of {} bytes",
           size_of(context.inputs[0].dtype));
  }
}

const RegisterCudaKernel reorder("Reorder", [](const PrepareContext& context) {
  if (context.inputs[0].layout != context.outputs[0].layout) return prepare_turn(context);
  return make_kernel([bytes = context.inputs[0].bytes()](OpContext& run) {
    copy_async(run.stream, run.output<void>(0), run.input<void>(0), bytes);
  });
});

}  // namespace
}  // namespace headrace
