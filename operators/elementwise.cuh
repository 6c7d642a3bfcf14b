#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>

#include "core/cuda/launch.cuh"
#include "core/kernel.h"
#include "operators/dispatch.h"

/// Kernels that compute each element of their output from the elements at the same place, whatever
/// the shape and layout: bound by memory, which is read and written 16 bytes at a time.
namespace headrace {

/// N neighbours, which one instruction moves.
template <typename T, int N>
struct alignas(sizeof(T) * N) Pack {
  T at[N];
};

/// Pack number i of an array.
template <int N, typename T>
__device__ Pack<T, N> load_pack(const T* x, int64_t i) {
  return reinterpret_cast<const Pack<T, N>*>(x)[i];
}

/// y = f(0), f(1), ... for `count` elements, where f.template pack<N>(i) gives the i-th N of them.
/// What f reads may be y itself: a thread reads all of a pack before it writes it, and no other.
template <int N, typename F, typename Out>
__global__ void pack_kernel(F f, int64_t count, Out* y) {
  const int64_t packs = count / N;
  for (int64_t i = cuda::first_item(); i < packs; i += cuda::item_stride()) {
    reinterpret_cast<Pack<Out, N>*>(y)[i] = f.template pack<N>(i);
  }
  for (int64_t i = packs * N + cuda::first_item(); i < count; i += cuda::item_stride()) {
    y[i] = f.template pack<1>(i).at[0];
  }
}

inline bool is_aligned(const void* address) {
  return reinterpret_cast<uintptr_t>(address) % 16 == 0;
}

/// Launches pack_kernel; `aligned`: whether all that f reads begins at multiples of 16 bytes, and
/// kSize is the size of the largest of its elements.
template <size_t kSize, typename F, typename Out>
void launch_packs(Stream stream, int64_t count, bool aligned, F f, Out* y) {
  constexpr int kPack = static_cast<int>(16 / std::max(kSize, sizeof(Out)));
  if (aligned && is_aligned(y)) {
    const int grid = cuda::grid_for((count + kPack - 1) / kPack, stream.device);
    cuda::launch(stream, grid, cuda::kBlock, pack_kernel<kPack, F, Out>, f, count, y);
  } else {
    const int grid = cuda::grid_for(count, stream.device);
    cuda::launch(stream, grid, cuda::kBlock, pack_kernel<1, F, Out>, f, count, y);
  }
}

template <typename F, typename Out, typename In>
struct Map {
  F f;
  const In* x;

  template <int N>
  __device__ Pack<Out, N> pack(int64_t i) const {
    const Pack<In, N> from = load_pack<N>(x, i);
    Pack<Out, N> to;
#pragma unroll
    for (int k = 0; k < N; ++k) to.at[k] = f(from.at[k]);
    return to;
  }
};

template <typename F, typename Out, typename In>
struct Map2 {
  F f;
  const In* a;
  const In* b;

  template <int N>
  __device__ Pack<Out, N> pack(int64_t i) const {
    const Pack<In, N> from_a = load_pack<N>(a, i);
    const Pack<In, N> from_b = load_pack<N>(b, i);
    Pack<Out, N> to;
#pragma unroll
    for (int k = 0; k < N; ++k) to.at[k] = f(from_a.at[k], from_b.at[k]);
    return to;
  }
};

/// y[i] = f(x[i]) for i < count. f is no lambda: those cannot go to a kernel.
template <typename F, typename Out, typename In>
void launch_map(Stream stream, int64_t count, F f, const In* x, Out* y) {
  launch_packs<sizeof(In)>(stream, count, is_aligned(x), Map<F, Out, In>{f, x}, y);
}

/// y[i] = f(a[i], b[i]).
template <typename F, typename Out, typename In>
void launch_map2(Stream stream, int64_t count, F f, const In* a, const In* b, Out* y) {
  launch_packs<sizeof(In)>(stream, count, is_aligned(a) && is_aligned(b), Map2<F, Out, In>{f, a, b},
                           y);
}

/// The kernel of an operator whose output is f of its input, for those types of the list that the
/// input can have.
template <typename... Ts, typename F>
std::unique_ptr<Kernel> prepare_device_map(const PrepareContext& prepare, Types<Ts...> types, F f) {
  return dispatch(types, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel([f, count = prepare.outputs[0].shape.numel()](OpContext& context) {
      launch_map(context.stream, count, f, context.input<T>(0), context.output<T>(0));
    });
  });
}

/// The same of two inputs.
template <typename... Ts, typename F>
std::unique_ptr<Kernel> prepare_device_map2(const PrepareContext& prepare, Types<Ts...> types,
                                            F f) {
  return dispatch(types, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel([f, count = prepare.outputs[0].shape.numel()](OpContext& context) {
      launch_map2(context.stream, count, f, context.input<T>(0), context.input<T>(1),
                  context.output<T>(0));
    });
  });
}

/// Output 0 gets the elements of input 0, where the plan has not let it share their storage.
inline void copy_on_device(OpContext& context, size_t bytes) {
  const void* x = context.input<void>(0);
  void* y = context.output<void>(0);
  if (y != nullptr && x != y) copy_async(context.stream, y, x, bytes);
}

/// The kernel of an operator that passes its input on.
inline std::unique_ptr<Kernel> prepare_device_copy(const PrepareContext& prepare) {
  require(prepare.inputs[0].dtype != DType::kString, ErrorCode::kUnsupported,
          "string tensors live on the CPU only: leave out the device_option");
  return make_kernel(
      [bytes = prepare.inputs[0].bytes()](OpContext& context) { copy_on_device(context, bytes); });
}

}  // namespace headrace
