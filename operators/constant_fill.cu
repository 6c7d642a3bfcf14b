#include "core/registry.h"
#include "operators/constant_value.h"
#include "operators/elementwise.cuh"

namespace headrace {
namespace {

template <typename T>
struct Constant {
  T value;

  template <int N>
  __device__ Pack<T, N> pack(int64_t) const {
    Pack<T, N> values;
#pragma unroll
    for (int k = 0; k < N; ++k) values.at[k] = value;
    return values;
  }
};

const RegisterCudaKernel constant_fill("ConstantFill", [](const PrepareContext& prepare) {
  return with_constant(prepare, [&]<typename T>(const T& value) -> std::unique_ptr<Kernel> {
    if constexpr (std::is_same_v<T, std::string>) {
      fail(ErrorCode::kUnsupported,
           "string tensors live on the CPU only: leave out the device_option");
    } else {
      return make_kernel([value, count = prepare.outputs[0].shape.numel()](OpContext& context) {
        launch_packs<sizeof(T)>(context.stream, count, true, Constant<T>{value},
                                context.output<T>(0));
      });
    }
  });
});

}  // namespace
}  // namespace headrace
