// Updates that keep a second value for each parameter: Adagrad, RmsProp, Adadelta.

#include <cmath>

#include "core/registry.h"
#include "operators/checks.h"
#include "operators/parts.h"

namespace headrace {
namespace {

/// Inputs [0, tensors) are of one floating type and shape, input `rate` has one element of it.
void require_update(const InferContext& context, int tensors, int rate) {
  require_type(context, 0, FloatTypes{});
  for (int i = 1; i < tensors; ++i) {
    require_same_type(context, i, 0);
    require_same_shape(context, i, 0);
  }
  require_same_type(context, rate, 0);
  require_single(context, rate);
}

Cost update_cost(const CostContext& context) {
  return {15 * static_cast<double>(context.inputs[0].shape.numel()), context.operand_bytes()};
}

/// Output i, or null where there is none or nobody reads it.
template <typename T>
T* output_or_null(const OpContext& context, int i) {
  return i < context.outputs() ? context.output<T>(i) : nullptr;
}

OpSchema adagrad_schema() {
  OpSchema schema("Adagrad");
  schema
      .doc(
          "g = gradient + weight_decay * parameter; moment' = decay * moment + g^2; parameter' = "
          "parameter + rate / (sqrt(moment') + epsilon) * g (Duchi et al. 2011). The rate is "
          "added: give it with a minus.")
      .input("parameter")
      .input("moment")
      .input("gradient")
      .input("rate", "one element")
      .output("parameter")
      .output("moment")
      .optional_output("effective_rate", "rate / (sqrt(moment') + epsilon), for each element")
      .optional_output("update", "what was added")
      .arg("epsilon", 1e-5f)
      .arg("decay", 1.0f)
      .arg("weight_decay", 0.0f)
      .inplace(0, 0)
      .inplace(1, 1)
      .infer([](const InferContext& context) {
        require_update(context, 3, 3);
        return std::vector<TensorType>(4, context.inputs[0]);
      })
      .cost(update_cost)
      .layout(LayoutPolicy::kFollows)
      .no_gradient();
  return schema;
}
const RegisterOperator adagrad(adagrad_schema());
const RegisterCpuKernel adagrad_cpu("Adagrad", [](const PrepareContext& prepare) {
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel([count = prepare.inputs[0].shape.numel(), width = prepare.width,
                        epsilon = T{prepare.args.real("epsilon")},
                        decay = T{prepare.args.real("decay")},
                        weight_decay = T{prepare.args.real("weight_decay")}](OpContext& context) {
      const T* parameter = context.input<T>(0);
      const T* moment = context.input<T>(1);
      const T* gradient = context.input<T>(2);
      const T rate = *context.input<T>(3);
      T* new_parameter = context.output<T>(0);
      T* new_moment = context.output<T>(1);
      T* rates = output_or_null<T>(context, 2);
      T* updates = output_or_null<T>(context, 3);
      for_parts(width, count, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const T g = gradient[i] + weight_decay * parameter[i];
          const T m = decay * moment[i] + g * g;
          const T effective = rate / (std::sqrt(m) + epsilon);
          if (rates != nullptr) rates[i] = effective;
          if (updates != nullptr) updates[i] = effective * g;
          if (new_parameter != nullptr) new_parameter[i] = parameter[i] + effective * g;
          if (new_moment != nullptr) new_moment[i] = m;
        }
      });
    });
  });
});

OpSchema rms_prop_schema() {
  OpSchema schema("RmsProp");
  schema
      .doc(
          "square' = square + (1 - decay) * (gradient^2 - square); step = momentum * buffer + "
          "rate * gradient / sqrt(epsilon + square') (Tieleman and Hinton 2012). The step is both "
          "the first output and the new buffer.")
      .input("gradient")
      .input("square", "moving average of the squared gradient")
      .input("buffer", "the momentum")
      .input("rate", "one element")
      .output("step")
      .output("square")
      .output("buffer")
      .arg("decay", 0.9f)
      .arg("momentum", 0.0f)
      .arg("epsilon", 1e-5f)
      .inplace(0, 0)
      .inplace(1, 1)
      .inplace(2, 2)
      .infer([](const InferContext& context) {
        require_update(context, 3, 3);
        return std::vector<TensorType>(3, context.inputs[0]);
      })
      .cost(update_cost)
      .layout(LayoutPolicy::kFollows)
      .no_gradient();
  return schema;
}
const RegisterOperator rms_prop(rms_prop_schema());
const RegisterCpuKernel rms_prop_cpu("RmsProp", [](const PrepareContext& prepare) {
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel([count = prepare.inputs[0].shape.numel(), width = prepare.width,
                        epsilon = T{prepare.args.real("epsilon")},
                        decay = T{prepare.args.real("decay")},
                        momentum = T{prepare.args.real("momentum")}](OpContext& context) {
      const T* gradient = context.input<T>(0);
      const T* square = context.input<T>(1);
      const T* buffer = context.input<T>(2);
      const T rate = *context.input<T>(3);
      T* steps = context.output<T>(0);
      T* new_square = context.output<T>(1);
      T* new_buffer = context.output<T>(2);
      for_parts(width, count, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const T g = gradient[i];
          const T s = square[i] + (T{1} - decay) * (g * g - square[i]);
          const T step = momentum * buffer[i] + rate * g / std::sqrt(epsilon + s);
          if (steps != nullptr) steps[i] = step;
          if (new_square != nullptr) new_square[i] = s;
          if (new_buffer != nullptr) new_buffer[i] = step;
        }
      });
    });
  });
});

OpSchema adadelta_schema() {
  OpSchema schema("Adadelta");
  schema
      .doc(
          "square' = decay * square + (1 - decay) * g^2; step = sqrt(delta + epsilon) / "
          "sqrt(square' + epsilon) * g; delta' = decay * delta + (1 - decay) * step^2; parameter' "
          "= "
          "parameter + rate * step (Zeiler 2012). The rate is added: give it with a minus.")
      .input("parameter")
      .input("square", "moving average of the squared gradient")
      .input("delta", "moving average of the squared step")
      .input("gradient")
      .input("rate", "one element")
      .output("parameter")
      .output("square")
      .output("delta")
      .arg("epsilon", 1e-5f)
      .arg("decay", 0.95f)
      .inplace(0, 0)
      .inplace(1, 1)
      .inplace(2, 2)
      .infer([](const InferContext& context) {
        require_update(context, 4, 4);
        return std::vector<TensorType>(3, context.inputs[0]);
      })
      .cost(update_cost)
      .layout(LayoutPolicy::kFollows)
      .no_gradient();
  return schema;
}
const RegisterOperator adadelta(adadelta_schema());
const RegisterCpuKernel adadelta_cpu("Adadelta", [](const PrepareContext& prepare) {
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel([count = prepare.inputs[0].shape.numel(), width = prepare.width,
                        epsilon = T{prepare.args.real("epsilon")},
                        decay = T{prepare.args.real("decay")}](OpContext& context) {
      const T* parameter = context.input<T>(0);
      const T* square = context.input<T>(1);
      const T* delta = context.input<T>(2);
      const T* gradient = context.input<T>(3);
      const T rate = *context.input<T>(4);
      T* new_parameter = context.output<T>(0);
      T* new_square = context.output<T>(1);
      T* new_delta = context.output<T>(2);
      for_parts(width, count, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const T g = gradient[i];
          const T s = decay * square[i] + (T{1} - decay) * g * g;
          const T step = std::sqrt((delta[i] + epsilon) / (s + epsilon)) * g;
          if (new_parameter != nullptr) new_parameter[i] = parameter[i] + rate * step;
          if (new_square != nullptr) new_square[i] = s;
          if (new_delta != nullptr) {
            new_delta[i] = decay * delta[i] + (T{1} - decay) * step * step;
          }
        }
      });
    });
  });
});

}  // namespace
}  // namespace headrace
