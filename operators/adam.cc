#include <algorithm>
#include <array>
#include <cmath>

#include "core/registry.h"
#include "operators/checks.h"
#include "operators/parts.h"

namespace headrace {
namespace {

constexpr int kParameter = 0;
constexpr int kMean = 1;
constexpr int kSquare = 2;
constexpr int kGradient = 3;
constexpr int kRate = 4;
constexpr int kIteration = 5;

const RegisterOperator adam(
    OpSchema("Adam")
        .doc(
            "Adam (Kingma and Ba 2015), with t = iteration + 1: mean' = beta1 * mean + (1 - beta1) "
            "* g; square' = beta2 * square + (1 - beta2) * g^2; step = sqrt(1 - beta2^t) / (1 - "
            "beta1^t) * mean' / (sqrt(square') + epsilon); parameter' = parameter + rate * step. "
            "The rate is added: give it with a minus.")
        .input("parameter")
        .input("mean", "moving average of the gradient")
        .input("square", "moving average of its square")
        .input("gradient")
        .input("rate", "one element")
        .input("iteration", "int64, one element")
        .output("parameter")
        .output("mean")
        .output("square")
        .optional_output("step", "the step before it is multiplied by the rate")
        .arg("beta1", 0.9f)
        .arg("beta2", 0.999f)
        .arg("epsilon", 1e-5f)
        .inplace(0, 0)
        .inplace(1, 1)
        .inplace(2, 2)
        .layout(LayoutPolicy::kFollows)
        .infer([](const InferContext& context) {
          require_type(context, kParameter, FloatTypes{});
          for (int i : {kMean, kSquare, kGradient}) {
            require_same_type(context, i, kParameter);
            require_same_shape(context, i, kParameter);
          }
          require_same_type(context, kRate, kParameter);
          require_single(context, kRate);
          require_type(context, kIteration, Types<int64_t>{});
          require_single(context, kIteration);
          return std::vector<TensorType>(4, context.inputs[kParameter]);
        })
        .cost([](const CostContext& context) {
          return Cost{15 * static_cast<double>(context.inputs[0].shape.numel()),
                      context.operand_bytes()};
        })
        .no_gradient());

template <typename T>
struct AdamStep {
  T beta1;
  T beta2;
  T epsilon;
  T rate;
  T correction;
};

/// In blocks that stay in the first-level cache, because outputs that nobody reads are null.
template <typename T>
void adam_range(const AdamStep<T>& s, const OpContext& context, int64_t begin, int64_t end) {
  constexpr int64_t kBlock = 512;
  std::array<T, kBlock> m;
  std::array<T, kBlock> v;
  std::array<T, kBlock> step;
  for (int64_t at = begin; at < end; at += kBlock) {
    const int64_t count = std::min(kBlock, end - at);
    const T* mean = context.input<T>(kMean) + at;
    const T* square = context.input<T>(kSquare) + at;
    const T* gradient = context.input<T>(kGradient) + at;
    for (int64_t i = 0; i < count; ++i) {
      m[i] = s.beta1 * mean[i] + (T{1} - s.beta1) * gradient[i];
      v[i] = s.beta2 * square[i] + (T{1} - s.beta2) * gradient[i] * gradient[i];
      step[i] = s.correction * m[i] / (std::sqrt(v[i]) + s.epsilon);
    }
    if (T* out = context.output<T>(0)) {
      const T* parameter = context.input<T>(kParameter);
      for (int64_t i = 0; i < count; ++i) out[at + i] = parameter[at + i] + s.rate * step[i];
    }
    if (T* out = context.output<T>(1)) std::copy_n(m.begin(), count, out + at);
    if (T* out = context.output<T>(2)) std::copy_n(v.begin(), count, out + at);
    T* step_out = context.outputs() > 3 ? context.output<T>(3) : nullptr;
    if (step_out != nullptr) std::copy_n(step.begin(), count, step_out + at);
  }
}

const RegisterCpuKernel adam_cpu("Adam", [](const PrepareContext& prepare) {
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel([beta1 = prepare.args.real("beta1"), beta2 = prepare.args.real("beta2"),
                        epsilon = prepare.args.real("epsilon"),
                        count = prepare.inputs[0].shape.numel(),
                        width = prepare.width](OpContext& context) {
      double t = static_cast<double>(*context.input<int64_t>(kIteration)) + 1;
      double correction =
          std::sqrt(1 - std::pow(double{beta2}, t)) / (1 - std::pow(double{beta1}, t));
      AdamStep<T> step{static_cast<T>(beta1), static_cast<T>(beta2), static_cast<T>(epsilon),
                       *context.input<T>(kRate), static_cast<T>(correction)};
      for_parts(width, count,
                [&](int64_t begin, int64_t end) { adam_range(step, context, begin, end); });
    });
  });
});

}  // namespace
}  // namespace headrace
