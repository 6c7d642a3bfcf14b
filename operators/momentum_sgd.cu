#include "core/registry.h"
#include "operators/elementwise.cuh"
#include "operators/formulas.h"

namespace headrace {
namespace {

/// Operands of MomentumSGD and MomentumSGDUpdate; null where there is none. The rate and its ratio
/// are on the device, so that a captured step reads them anew.
template <typename T>
struct Operands {
  const T* gradient;
  const T* buffer;
  const T* rate;
  const T* ratio;
  const T* parameter;
  T* step_out;
  T* buffer_out;
  T* parameter_out;
  T momentum;
};

/// One pass over memory. An output may lie where its input does; a thread touches its own elements
/// only.
template <int N, bool kNesterov, typename T>
__device__ void update_pack(const Operands<T>& o, const formula::MomentumCoefficients<T>& c,
                            int64_t i) {
  const Pack<T, N> gradient = load_pack<N>(o.gradient, i);
  const Pack<T, N> buffer = load_pack<N>(o.buffer, i);
  Pack<T, N> step;
  Pack<T, N> fresh;
#pragma unroll
  for (int k = 0; k < N; ++k) {
    const auto next = formula::momentum_step<kNesterov>(c, gradient.at[k], buffer.at[k]);
    step.at[k] = next.step;
    fresh.at[k] = next.buffer;
  }
  if (o.parameter_out != nullptr) {
    Pack<T, N> parameter = load_pack<N>(o.parameter, i);
#pragma unroll
    for (int k = 0; k < N; ++k) parameter.at[k] -= step.at[k];
    reinterpret_cast<Pack<T, N>*>(o.parameter_out)[i] = parameter;
  }
  if (o.step_out != nullptr) reinterpret_cast<Pack<T, N>*>(o.step_out)[i] = step;
  if (o.buffer_out != nullptr) reinterpret_cast<Pack<T, N>*>(o.buffer_out)[i] = fresh;
}

template <int N, bool kNesterov, typename T>
__global__ void momentum_kernel(Operands<T> o, int64_t count) {
  const T ratio = o.ratio != nullptr ? *o.ratio : T{1};
  const formula::MomentumCoefficients<T> c{*o.rate, o.momentum * ratio, o.momentum};
  const int64_t packs = count / N;
  for (int64_t i = cuda::first_item(); i < packs; i += cuda::item_stride()) {
    update_pack<N, kNesterov>(o, c, i);
  }
  for (int64_t i = packs * N + cuda::first_item(); i < count; i += cuda::item_stride()) {
    update_pack<1, kNesterov>(o, c, i);
  }
}

template <int N, typename T>
void launch_momentum(Stream stream, const Operands<T>& operands, bool nesterov, int64_t count) {
  const int grid = cuda::grid_for((count + N - 1) / N, stream.device);
  auto* kernel = nesterov ? momentum_kernel<N, true, T> : momentum_kernel<N, false, T>;
  cuda::launch(stream, grid, cuda::kBlock, kernel, operands, count);
}

std::unique_ptr<Kernel> prepare_momentum(const PrepareContext& prepare, bool update) {
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel([momentum = static_cast<T>(prepare.args.real("momentum")),
                        nesterov = prepare.args.flag("nesterov"), update,
                        count = prepare.inputs[0].shape.numel()](OpContext& context) {
      const int ratio = update ? 4 : 3;
      const Operands<T> operands{
          .gradient = context.input<T>(0),
          .buffer = context.input<T>(1),
          .rate = context.input<T>(2),
          .ratio = context.inputs() > ratio ? context.input<T>(ratio) : nullptr,
          .parameter = update ? context.input<T>(3) : nullptr,
          .step_out = context.output<T>(0),
          .buffer_out = context.output<T>(1),
          .parameter_out = update ? context.output<T>(2) : nullptr,
          .momentum = momentum};
      const bool aligned = is_aligned(operands.gradient) && is_aligned(operands.buffer) &&
                           is_aligned(operands.parameter) && is_aligned(operands.step_out) &&
                           is_aligned(operands.buffer_out) && is_aligned(operands.parameter_out);
      constexpr int kPack = static_cast<int>(16 / sizeof(T));
      if (aligned) {
        launch_momentum<kPack>(context.stream, operands, nesterov, count);
      } else {
        launch_momentum<1>(context.stream, operands, nesterov, count);
      }
    });
  });
}

const RegisterCudaKernel momentum_sgd("MomentumSGD", [](const PrepareContext& prepare) {
  return prepare_momentum(prepare, /*update=*/false);
});
const RegisterCudaKernel momentum_sgd_update("MomentumSGDUpdate",
                                             [](const PrepareContext& prepare) {
                                               return prepare_momentum(prepare, /*update=*/true);
                                             });

}  // namespace
}  // namespace headrace
