// MomentumSGD and MomentumSGDUpdate: momentum with the learning rate inside the buffer, as Caffe2
// has it. The optional last input, the ratio of the learning rate to that of the step before,
// multiplies the buffer first; then the steps are those of the form with the rate outside (Goyal et
// al. 2017, equations 9 and 10).

#include <algorithm>
#include <array>

#include "core/registry.h"
#include "operators/checks.h"
#include "operators/formulas.h"
#include "operators/parts.h"

namespace headrace {
namespace {

constexpr int kGradient = 0;
constexpr int kMomentum = 1;
constexpr int kRate = 2;
constexpr int kParameter = 3;  // of MomentumSGDUpdate

void check_operands(const InferContext& context, int tensors_until_ratio) {
  require_type(context, kGradient, FloatTypes{});
  for (int i = 1; i < static_cast<int>(context.inputs.size()); ++i) {
    require_same_type(context, i, kGradient);
    if (i == kRate || i == tensors_until_ratio) {
      require_single(context, i);
    } else {
      require_same_shape(context, i, kGradient);
    }
  }
}

/// In blocks that stay in the first-level cache, because outputs that nobody reads are null; each
/// element is read and written in memory once.
template <typename T, bool kNesterov>
void momentum_range(const formula::MomentumCoefficients<T>& c, const OpContext& context,
                    bool update, int64_t begin, int64_t end) {
  constexpr int64_t kBlock = 512;
  std::array<T, kBlock> fresh;
  std::array<T, kBlock> step;
  for (int64_t at = begin; at < end; at += kBlock) {
    const int64_t count = std::min(kBlock, end - at);
    const T* gradient = context.input<T>(kGradient) + at;
    const T* buffer = context.input<T>(kMomentum) + at;
    for (int64_t i = 0; i < count; ++i) {
      const auto next = formula::momentum_step<kNesterov>(c, gradient[i], buffer[i]);
      fresh[i] = next.buffer;
      step[i] = next.step;
    }
    if (T* out = context.output<T>(0)) std::copy_n(step.begin(), count, out + at);
    if (T* out = context.output<T>(1)) std::copy_n(fresh.begin(), count, out + at);
    if (!update || context.output<T>(2) == nullptr) continue;
    const T* parameter = context.input<T>(kParameter) + at;
    T* out = context.output<T>(2) + at;
    for (int64_t i = 0; i < count; ++i) out[i] = parameter[i] - step[i];
  }
}

/// `update` says whether there is a parameter, the fourth input and third output.
std::unique_ptr<Kernel> prepare_momentum(const PrepareContext& prepare, bool update) {
  return dispatch(FloatTypes{}, prepare.inputs[kGradient].dtype, [&]<typename T>() {
    return make_kernel([momentum = static_cast<T>(prepare.args.real("momentum")),
                        nesterov = prepare.args.flag("nesterov"), update,
                        count = prepare.inputs[kGradient].shape.numel(),
                        width = prepare.width](OpContext& context) {
      const int ratio_input = update ? 4 : 3;
      T ratio = context.inputs() > ratio_input ? *context.input<T>(ratio_input) : T{1};
      const formula::MomentumCoefficients<T> c{*context.input<T>(kRate), momentum * ratio,
                                               momentum};
      for_parts(width, count, [&](int64_t begin, int64_t end) {
        if (nesterov) return momentum_range<T, true>(c, context, update, begin, end);
        momentum_range<T, false>(c, context, update, begin, end);
      });
    });
  });
}

OpSchema& declare_momentum(OpSchema& schema) {
  return schema.arg("momentum", 0.0f)
      .arg("nesterov", 0, "1: the step looks ahead by the new buffer")
      .inplace(0, 0)
      .inplace(1, 1)
      .layout(LayoutPolicy::kFollows)
      .no_gradient();
}

OpSchema momentum_sgd_schema() {
  OpSchema schema("MomentumSGD");
  schema
      .doc(
          "momentum' = m * ratio * momentum + rate * gradient; the first output is the step to "
          "subtract from the parameter: momentum', or with nesterov (1 + m) * momentum' - m * "
          "ratio * momentum.")
      .differs("the input `ratio` is an addition, for exact momentum correction.")
      .input("gradient")
      .input("momentum")
      .input("rate", "one element")
      .optional_input("ratio", "one element: this rate over that of the step before; 1 without it")
      .output("step")
      .output("momentum")
      .infer([](const InferContext& context) {
        check_operands(context, 3);
        return std::vector<TensorType>{context.inputs[kGradient], context.inputs[kMomentum]};
      });
  declare_momentum(schema);
  return schema;
}

OpSchema momentum_sgd_update_schema() {
  OpSchema schema("MomentumSGDUpdate");
  schema
      .doc(
          "The same as MomentumSGD, and subtracts the step from the parameter, in place. The "
          "gradient's place holds the step afterwards.")
      .differs("the input `ratio` is an addition, for exact momentum correction.")
      .input("gradient")
      .input("momentum")
      .input("rate", "one element")
      .input("parameter")
      .optional_input("ratio", "one element: this rate over that of the step before; 1 without it")
      .output("step")
      .output("momentum")
      .output("parameter")
      .enforce_inplace(kParameter, 2)
      .infer([](const InferContext& context) {
        check_operands(context, 4);
        return std::vector<TensorType>{context.inputs[kGradient], context.inputs[kMomentum],
                                       context.inputs[kParameter]};
      })
      .cost([](const CostContext& context) {
        return Cost{6 * static_cast<double>(context.inputs[0].shape.numel()),
                    context.operand_bytes()};
      });
  declare_momentum(schema);
  return schema;
}

const RegisterOperator momentum_sgd(momentum_sgd_schema());
const RegisterOperator momentum_sgd_update(momentum_sgd_update_schema());

const RegisterCpuKernel momentum_sgd_cpu("MomentumSGD", [](const PrepareContext& prepare) {
  return prepare_momentum(prepare, /*update=*/false);
});
const RegisterCpuKernel momentum_sgd_update_cpu("MomentumSGDUpdate",
                                                [](const PrepareContext& prepare) {
                                                  return prepare_momentum(prepare, /*update=*/true);
                                                });

}  // namespace
}  // namespace headrace
