#pragma once

#include <memory>
#include <type_traits>
#include <vector>

#include "core/kernel.h"
#include "operators/broadcast.h"
#include "operators/checks.h"
#include "operators/parts.h"

/// Operators that compute each element of their output from one element of each of two operands,
/// with both ways of broadcasting.
namespace headrace {

/// Calls f(sa, sb) with strides of 0 and 1 as constants, so that the loop over them is vectorised.
template <typename F>
void with_strides(int64_t sa, int64_t sb, F&& f) {
  using Zero = std::integral_constant<int64_t, 0>;
  using One = std::integral_constant<int64_t, 1>;
  if (sa == 1 && sb == 1) return f(One{}, One{});
  if (sa == 1 && sb == 0) return f(One{}, Zero{});
  if (sa == 0 && sb == 1) return f(Zero{}, One{});
  f(sa, sb);
}

/// C = Op::apply(A, B), element by element; A and B have one type T of the list, C that of the
/// result.
template <typename Op, typename TypeList>
std::unique_ptr<Kernel> prepare_binary(const PrepareContext& prepare) {
  Broadcast shapes = broadcast_of(prepare.args, prepare.inputs[0].shape, prepare.inputs[1].shape);
  StridedLoop loop(prepare.outputs[0],
                   {{&prepare.inputs[0], shapes.a_axis}, {&prepare.inputs[1], shapes.b_axis}});
  return dispatch(TypeList{}, prepare.inputs[0].dtype, [&]<typename T>() {
    using Result = decltype(Op::apply(T{}, T{}));
    return make_kernel([loop, width = prepare.width](OpContext& context) {
      const T* a = context.input<T>(0);
      const T* b = context.input<T>(1);
      Result* y = context.output<Result>(0);
      auto row = [&](int64_t at, const StridedLoop::Offsets& offsets, int64_t length) {
        const T* from_a = a + offsets[0];
        const T* from_b = b + offsets[1];
        Result* to = y + at;
        with_strides(loop.inner_stride(0), loop.inner_stride(1), [&](auto sa, auto sb) {
          for (int64_t i = 0; i < length; ++i) to[i] = Op::apply(from_a[i * sa], from_b[i * sb]);
        });
      };
      for_parts(width, loop.numel(),
                [&](int64_t begin, int64_t end) { loop.run(begin, end, row); });
    });
  });
}

/// Two operands of one type of the list; the output has elements of `result`, or of that type where
/// it is kUndefined.
template <typename TypeList, DType result = DType::kUndefined>
std::vector<TensorType> infer_binary(const InferContext& context) {
  require_type(context, 0, TypeList{});
  require_same_type(context, 1, 0);
  return {{result == DType::kUndefined ? context.dtype(0) : result,
           broadcast_of(context.args, context.shape(0), context.shape(1)).output}};
}

}  // namespace headrace
