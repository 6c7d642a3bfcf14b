#include <type_traits>

#include "core/registry.h"
#include "operators/elementwise.cuh"

namespace headrace {
namespace {

using DeviceCastTypes = Types<float, double, bool, uint8_t, int32_t, int64_t>;

template <typename From, typename To>
struct Convert {
  __device__ To operator()(From value) const {
    if constexpr (std::is_same_v<To, bool>) {
      return value != From{0};
    } else {
      return static_cast<To>(value);
    }
  }
};

/// From floating to integer values is a question of range, whose answer a kernel cannot give.
template <typename From, typename To>
inline constexpr bool kChecked =
    std::is_floating_point_v<From>&& std::is_integral_v<To> && !std::is_same_v<To, bool>;

[[noreturn]] void refuse(const PrepareContext& prepare) {
  fail(ErrorCode::kUnsupported, "Cast from {} to {} is done on the CPU only: {}",
       name_of(prepare.inputs[0].dtype), name_of(prepare.outputs[0].dtype),
       is_floating(prepare.inputs[0].dtype) ? "a value that does not fit is an error there"
                                            : "the GPU has no kernel for these types");
}

const RegisterCudaKernel cast("Cast", [](const PrepareContext& prepare) {
  if (!has_type(DeviceCastTypes{}, prepare.inputs[0].dtype) ||
      !has_type(DeviceCastTypes{}, prepare.outputs[0].dtype)) {
    refuse(prepare);
  }
  return dispatch(DeviceCastTypes{}, prepare.inputs[0].dtype, [&]<typename From>() {
    return dispatch(
        DeviceCastTypes{}, prepare.outputs[0].dtype, [&]<typename To>() -> std::unique_ptr<Kernel> {
          if constexpr (kChecked<From, To>) {
            refuse(prepare);
          } else {
            return make_kernel([count = prepare.outputs[0].shape.numel()](OpContext& context) {
              launch_map(context.stream, count, Convert<From, To>{}, context.input<From>(0),
                         context.output<To>(0));
            });
          }
        });
  });
});

}  // namespace
}  // namespace headrace
