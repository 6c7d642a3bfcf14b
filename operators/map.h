#pragma once

#include <string>

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

/// Inputs of one floating element type and shape, which the output has too.
std::vector<TensorType> infer_map(const InferContext& context);

/// So many operations per element of output 0.
CostFn cost_per_element(double flops);

/// A schema of one input X and one output Y of floating numbers, in place and in any layout.
OpSchema map_schema(std::string type, std::string doc, double flops);

/// Of inputs Y and dY and an output dX, which may lie where dY does.
OpSchema map_gradient_schema(std::string type, std::string doc, double flops);

/// The gradient operator `type` from (output, its gradient).
GradientFn gradient_from_output(std::string type);

}  // namespace headrace
