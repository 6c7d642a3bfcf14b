// Checks of values on the way: EnforceFinite and NanCheck.

#include <atomic>
#include <cmath>

#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/parts.h"

namespace headrace {
namespace {

/// Position of the first element that is not finite; -1 where there is none.
template <typename T>
int64_t first_not_finite(const T* x, int64_t count, int width) {
  std::atomic<int64_t> found = count;
  for_parts(width, count, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if (std::isfinite(x[i])) continue;
      int64_t so_far = found.load(std::memory_order_relaxed);
      while (i < so_far && !found.compare_exchange_weak(so_far, i)) {
      }
      return;
    }
  });
  return found == count ? -1 : found.load();
}

template <typename T>
void require_finite(const T* x, int64_t count, int width) {
  const int64_t at = first_not_finite(x, count, width);
  if (at < 0) return;
  fail(ErrorCode::kNumeric, "element {} of {} is {}, which is not finite", at, count, x[at]);
}

const RegisterOperator enforce_finite(OpSchema("EnforceFinite")
                                          .doc("An error if an element of X is infinite or NaN.")
                                          .input("X")
                                          .effect("error")
                                          .infer([](const InferContext& context) {
                                            require_type(context, 0, FloatTypes{});
                                            return std::vector<TensorType>{};
                                          })
                                          .no_gradient());
const RegisterCpuKernel enforce_finite_cpu("EnforceFinite", [](const PrepareContext& prepare) {
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel(
        [count = prepare.inputs[0].shape.numel(), width = prepare.width](OpContext& context) {
          require_finite(context.input<T>(0), count, width);
        });
  });
});

const RegisterOperator nan_check(
    OpSchema("NanCheck")
        .doc("Y = X; an error if an element of X is infinite or NaN.")
        .repeated_input("X", 1, "the first one is checked, the others only named with it")
        .output("Y")
        .inplace(0, 0)
        .infer([](const InferContext& context) {
          require_type(context, 0, FloatTypes{});
          return std::vector<TensorType>{context.inputs[0]};
        })
        .gradient([](GradientContext& g) { g.op("NanCheck", {g.dout(0)}, {g.din(0)}); }));
const RegisterCpuKernel nan_check_cpu("NanCheck", [](const PrepareContext& prepare) {
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel(
        [count = prepare.inputs[0].shape.numel(), width = prepare.width](OpContext& context) {
          const T* x = context.input<T>(0);
          T* y = context.output<T>(0);
          require_finite(x, count, width);
          if (x == y) return;
          for_parts(width, count,
                    [&](int64_t begin, int64_t end) { std::copy(x + begin, x + end, y + begin); });
        });
  });
});

}  // namespace
}  // namespace headrace
