#include "core/registry.h"
#include "operators/operand_list.cuh"

namespace headrace {
namespace {

/// x[0] + x[1] + ..., from left to right.
template <typename T>
struct AddAll {
  OperandList<T> x;

  template <int N>
  __device__ Pack<T, N> pack(int64_t i) const {
    Pack<T, N> sum = load_pack<N>(x.at[0], i);
    for (int k = 1; k < x.count; ++k) {
      const Pack<T, N> next = load_pack<N>(x.at[k], i);
#pragma unroll
      for (int j = 0; j < N; ++j) sum.at[j] += next.at[j];
    }
    return sum;
  }
};

const RegisterCudaKernel sum("Sum", [](const PrepareContext& prepare) {
  return dispatch(NumberTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel([count = prepare.outputs[0].shape.numel()](OpContext& context) {
      T* y = context.output<T>(0);
      for (int next = 0; next < context.inputs();) {
        AddAll<T> f{};
        if (next > 0) f.x.add(y);  // go on from what the launch before has left
        while (f.x.has_room() && next < context.inputs()) f.x.add(context.input<T>(next++));
        launch_packs<sizeof(T)>(context.stream, count, f.x.aligned, f, y);
      }
    });
  });
});

}  // namespace
}  // namespace headrace
