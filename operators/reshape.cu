#include <algorithm>

#include "core/registry.h"
#include "operators/elementwise.cuh"
#include "operators/reshape.h"

namespace headrace {
namespace {

/// The sizes of a shape, as elements.
template <typename T>
struct Sizes {
  T at[Shape::kMaxRank];

  template <int N>
  __device__ Pack<T, N> pack(int64_t i) const {
    Pack<T, N> sizes;
#pragma unroll
    for (int k = 0; k < N; ++k) sizes.at[k] = at[i * N + k];
    return sizes;
  }
};

const RegisterCudaKernel reshape("Reshape", [](const PrepareContext& prepare) {
  const Shape& old = prepare.inputs[0].shape;
  return dispatch(ShapeTypes{}, old_shape_type(prepare.inputs), [&]<typename T>() {
    Sizes<T> sizes{};
    std::copy(old.begin(), old.end(), sizes.at);
    return make_kernel(
        [sizes, rank = old.rank(), bytes = prepare.inputs[0].bytes()](OpContext& context) {
          copy_on_device(context, bytes);
          T* old_shape = context.output<T>(1);
          if (old_shape == nullptr) return;
          launch_packs<sizeof(T)>(context.stream, rank, true, sizes, old_shape);
        });
  });
});

const RegisterCudaKernel flatten("Flatten", prepare_device_copy);
const RegisterCudaKernel resize_like("ResizeLike", prepare_device_copy);

}  // namespace
}  // namespace headrace
