#pragma once

#include <array>
#include <initializer_list>
#include <string>
#include <utility>

#include "core/kernel.h"
#include "core/op_schema.h"
#include "operators/checks.h"
#include "operators/parts.h"

/// Operators that compute each element of their output from the elements at the same place.
namespace headrace {

/// y[i] = make<T>()(x[i]), for the T of the list that input 0 has.
template <typename... Ts, typename Make>
std::unique_ptr<Kernel> prepare_map(const PrepareContext& prepare, Types<Ts...> types, Make make) {
  return dispatch(types, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel([f = make.template operator()<T>(), count = prepare.outputs[0].shape.numel(),
                        width = prepare.width](OpContext& context) {
      const T* x = context.input<T>(0);
      T* y = context.output<T>(0);
      for_parts(width, count, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) y[i] = f(x[i]);
      });
    });
  });
}

/// y[i] = make<T>()(a[i], b[i]): gradients from (output, its gradient), mostly.
template <typename... Ts, typename Make>
std::unique_ptr<Kernel> prepare_map2(const PrepareContext& prepare, Types<Ts...> types, Make make) {
  return dispatch(types, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel([f = make.template operator()<T>(), count = prepare.outputs[0].shape.numel(),
                        width = prepare.width](OpContext& context) {
      const T* a = context.input<T>(0);
      const T* b = context.input<T>(1);
      T* y = context.output<T>(0);
      for_parts(width, count, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) y[i] = f(a[i], b[i]);
      });
    });
  });
}

/// The same for a function template of any number of operands, the inputs in their order:
///
///   template <typename T>
///   struct Elu {
///     explicit Elu(const Args& args) : alpha(T{args.real("alpha")}) {}
///     T operator()(T x) const { return x > 0 ? x : alpha * std::expm1(x); }
///     T alpha;
///   };
///   const RegisterCpuKernel elu_cpu("Elu", prepare_function<Elu, 1>);
template <template <typename> class F, int kOperands, typename TypeList = FloatTypes>
std::unique_ptr<Kernel> prepare_function(const PrepareContext& prepare) {
  return dispatch(TypeList{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel([f = F<T>(prepare.args), count = prepare.outputs[0].shape.numel(),
                        width = prepare.width](OpContext& context) {
      T* y = context.output<T>(0);
      [&]<size_t... k>(std::index_sequence<k...>) {
        const std::array<const T*, kOperands> x = {context.input<T>(k)...};
        for_parts(width, count, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) y[i] = f(x[k][i]...);
        });
      }
      (std::make_index_sequence<kOperands>{});
    });
  });
}

/// Inputs of one floating element type and shape, which the output has too.
std::vector<TensorType> infer_map(const InferContext& context);

/// So many operations per element of output 0.
CostFn cost_per_element(double flops);

/// A schema of one input X and one output Y of floating numbers, in place and in any layout.
OpSchema map_schema(std::string type, std::string doc, double flops);

/// Of the inputs named, one of which is dY, and an output dX, which may lie where dY does.
OpSchema map_gradient_schema(std::string type, std::string doc, double flops,
                             std::initializer_list<const char*> inputs = {"Y", "dY"});

/// The gradient operator `type` from (output, its gradient).
GradientFn gradient_from_output(std::string type);
/// From (input, gradient of the output).
GradientFn gradient_from_input(std::string type);

}  // namespace headrace
