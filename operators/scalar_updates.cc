// Updates that keep one sum of squared gradients for a whole parameter: Wngrad, Storm.

#include <cmath>

#include "core/registry.h"
#include "operators/checks.h"
#include "operators/parts.h"
#include "operators/reduce.h"

namespace headrace {
namespace {

template <typename T>
double squared_sum(const OpContext& context, int width, int64_t count, const T* gradient) {
  return block_sum<T>(width, count, context.scratch,
                      [gradient](int64_t i) { return gradient[i] * gradient[i]; });
}

Cost update_cost(const CostContext& context) {
  return {8 * static_cast<double>(context.inputs[0].shape.numel()), context.operand_bytes()};
}

OpSchema wngrad_schema() {
  OpSchema schema("Wngrad");
  schema
      .doc(
          "effective rate = rate / (b + epsilon); parameter' = parameter + effective rate * g; b' "
          "= "
          "b + |g|^2 / (b + epsilon) (Wu, Ward, Bottou 2018). The rate is added: give it with a "
          "minus.")
      .input("parameter")
      .input("b", "one element")
      .input("gradient")
      .input("rate", "one element")
      .output("parameter")
      .output("b")
      .optional_output("effective_rate", "one element")
      .optional_output("update", "what was added")
      .arg("epsilon", 1e-5f)
      .inplace(0, 0)
      .inplace(1, 1)
      .infer([](const InferContext& context) {
        require_type(context, 0, FloatTypes{});
        require_same_type(context, 2, 0);
        require_same_shape(context, 2, 0);
        for (int i : {1, 3}) {
          require_same_type(context, i, 0);
          require_single(context, i);
        }
        return std::vector<TensorType>{context.inputs[0], context.inputs[1], context.inputs[1],
                                       context.inputs[0]};
      })
      .cost(update_cost)
      .no_gradient();
  return schema;
}
const RegisterOperator wngrad(wngrad_schema());
const RegisterCpuKernel wngrad_cpu("Wngrad", [](const PrepareContext& prepare) {
  const int64_t count = prepare.inputs[0].shape.numel();
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel(
        [count, width = prepare.width,
         epsilon = T{prepare.args.real("epsilon")}](OpContext& context) {
          const T* parameter = context.input<T>(0);
          const T b = *context.input<T>(1);
          const T* gradient = context.input<T>(2);
          const T effective = *context.input<T>(3) / (b + epsilon);
          T* new_parameter = context.output<T>(0);
          T* updates = context.outputs() > 3 ? context.output<T>(3) : nullptr;
          const double squares = squared_sum(context, width, count, gradient);
          for_parts(width, count, [&](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) {
              const T update = effective * gradient[i];
              if (new_parameter != nullptr) new_parameter[i] = parameter[i] + update;
              if (updates != nullptr) updates[i] = update;
            }
          });
          if (T* new_b = context.output<T>(1)) {
            *new_b = static_cast<T>(double{b} + squares / (double{b} + double{epsilon}));
          }
          if (context.outputs() > 2 && context.output<T>(2) != nullptr) {
            *context.output<T>(2) = effective;
          }
        },
        reduce_scratch(count));
  });
});

OpSchema storm_schema() {
  OpSchema schema("Storm");
  schema
      .doc(
          "sum' = sum + |g|^2; rate' = rate * (beta + sum')^(-1/3); moment' = g + (1 - momentum * "
          "rate'^2) * (moment - g); parameter' = parameter + rate' * moment' (Cutkosky and Orabona "
          "2019). The rate is added: give it with a minus.")
      .input("parameter")
      .input("moment")
      .input("sum", "one element, of squared gradients")
      .input("gradient")
      .input("rate", "one element")
      .output("parameter")
      .output("moment")
      .output("sum")
      .arg("momentum", 10.0f)
      .arg("beta", 0.1f)
      .inplace(0, 0)
      .inplace(1, 1)
      .inplace(2, 2)
      .infer([](const InferContext& context) {
        require_type(context, 0, FloatTypes{});
        for (int i : {1, 3}) {
          require_same_type(context, i, 0);
          require_same_shape(context, i, 0);
        }
        for (int i : {2, 4}) {
          require_same_type(context, i, 0);
          require_single(context, i);
        }
        return std::vector<TensorType>{context.inputs[0], context.inputs[1], context.inputs[2]};
      })
      .cost(update_cost)
      .no_gradient();
  return schema;
}
const RegisterOperator storm(storm_schema());
const RegisterCpuKernel storm_cpu("Storm", [](const PrepareContext& prepare) {
  const int64_t count = prepare.inputs[0].shape.numel();
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel(
        [count, width = prepare.width, momentum = double{prepare.args.real("momentum")},
         beta = double{prepare.args.real("beta")}](OpContext& context) {
          const T* parameter = context.input<T>(0);
          const T* moment = context.input<T>(1);
          const T* gradient = context.input<T>(3);
          const double sum = static_cast<double>(*context.input<T>(2)) +
                             squared_sum(context, width, count, gradient);
          const double rate = static_cast<double>(*context.input<T>(4)) / std::cbrt(beta + sum);
          const T keep = static_cast<T>(1 - momentum * rate * rate);
          const T step = static_cast<T>(rate);
          T* new_parameter = context.output<T>(0);
          T* new_moment = context.output<T>(1);
          for_parts(width, count, [&](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) {
              const T m = gradient[i] + keep * (moment[i] - gradient[i]);
              if (new_parameter != nullptr) new_parameter[i] = parameter[i] + step * m;
              if (new_moment != nullptr) new_moment[i] = m;
            }
          });
          if (T* new_sum = context.output<T>(2)) *new_sum = static_cast<T>(sum);
        },
        reduce_scratch(count));
  });
});

}  // namespace
}  // namespace headrace
