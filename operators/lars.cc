#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/reduce.h"

namespace headrace {
namespace {

constexpr int kParameter = 0;
constexpr int kGradient = 1;
constexpr int kWeightDecay = 2;
constexpr int kTrust = 3;
constexpr int kMaximum = 4;

const RegisterOperator lars(
    OpSchema("Lars")
        .doc("The factor for the learning rate of one parameter (You, Gitman, Ginsburg 2017): "
             "trust / (|gradient| / |parameter| + weight_decay + offset), or 1 for a parameter of "
             "norm 0; at most `maximum`, but at least lr_min.")
        .input("parameter")
        .input("gradient")
        .input("weight_decay", "one element")
        .input("trust", "one element")
        .input("maximum", "one element")
        .output("factor", "one element")
        .arg("offset", 0.5f)
        .arg("lr_min", 0.02f)
        .layout(LayoutPolicy::kFollows)
        .infer([](const InferContext& context) {
          require_type(context, kParameter, FloatTypes{});
          require_same_type(context, kGradient, kParameter);
          require_same_shape(context, kGradient, kParameter);
          for (int i : {kWeightDecay, kTrust, kMaximum}) {
            require_same_type(context, i, kParameter);
            require_single(context, i);
          }
          return std::vector<TensorType>{{context.dtype(kParameter), Shape{1}}};
        })
        .cost([](const CostContext& context) {
          return Cost{4 * static_cast<double>(context.inputs[0].shape.numel()),
                      context.operand_bytes()};
        })
        .no_gradient());

const RegisterCpuKernel lars_cpu("Lars", [](const PrepareContext& prepare) {
  int64_t count = prepare.inputs[0].shape.numel();
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel(
        [offset = double{prepare.args.real("offset")}, least = double{prepare.args.real("lr_min")},
         count, width = prepare.width](OpContext& context) {
          auto norm = [&](int input) {
            const T* x = context.input<T>(input);
            return std::sqrt(block_sum<T>(width, count, context.scratch,
                                          [x](int64_t i) { return x[i] * x[i]; }));
          };
          auto value = [&](int input) { return static_cast<double>(*context.input<T>(input)); };
          double parameter = norm(kParameter);
          double factor = 1;
          if (parameter > 0) {
            factor = value(kTrust) / (norm(kGradient) / parameter + value(kWeightDecay) + offset);
          }
          *context.output<T>(0) =
              static_cast<T>(std::max(std::min(factor, value(kMaximum)), least));
        },
        reduce_scratch(count));
  });
});

}  // namespace
}  // namespace headrace
