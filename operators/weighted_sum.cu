#include "core/registry.h"
#include "operators/operand_list.cuh"

namespace headrace {
namespace {

/// [base +] w[0] * x[0] + w[1] * x[1] + ..., from left to right. The weights are on the device.
template <typename T>
struct AddWeighted {
  const T* base;
  OperandList<T> x;
  OperandList<T> w;

  template <int N>
  __device__ Pack<T, N> pack(int64_t i) const {
    Pack<T, N> sum{};
    if (base != nullptr) sum = load_pack<N>(base, i);
    for (int k = 0; k < x.count; ++k) {
      const Pack<T, N> next = load_pack<N>(x.at[k], i);
      const T weight = *w.at[k];
#pragma unroll
      for (int j = 0; j < N; ++j) sum.at[j] += weight * next.at[j];
    }
    return sum;
  }
};

const RegisterCudaKernel weighted_sum("WeightedSum", [](const PrepareContext& prepare) {
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel([count = prepare.outputs[0].shape.numel()](OpContext& context) {
      T* y = context.output<T>(0);
      for (int next = 0; next < context.inputs();) {
        AddWeighted<T> f{};
        if (next > 0) f.base = y;  // go on from what the launch before has left
        for (; f.x.has_room() && next < context.inputs(); next += 2) {
          f.x.add(context.input<T>(next));
          f.w.add(context.input<T>(next + 1));
        }
        launch_packs<sizeof(T)>(context.stream, count, f.x.aligned, f, y);
      }
    });
  });
});

}  // namespace
}  // namespace headrace
