#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/parts.h"

namespace headrace {
namespace {

std::vector<TensorType> infer_sum(const InferContext& context) {
  require_type(context, 0, NumberTypes{});
  for (size_t i = 1; i < context.inputs.size(); ++i) {
    require_same_type(context, static_cast<int>(i), 0);
    require_same_shape(context, static_cast<int>(i), 0);
  }
  return {context.inputs[0]};
}

const RegisterOperator sum(
    OpSchema("Sum")
        .doc("Y = X0 + X1 + ..., element by element; all inputs have one shape. The additions run "
             "from left to right. The gradient of Y is the gradient of every input.")
        .repeated_input("X")
        .output("Y")
        .inplace(0, 0)
        .ignored_args({"order", "use_cudnn", "cudnn_exhaustive_search"})
        .infer(infer_sum)
        .cost([](const CostContext& context) {
          double count = static_cast<double>(context.outputs[0].shape.numel());
          return Cost{count * static_cast<double>(context.inputs.size() - 1),
                      context.operand_bytes()};
        })
        .layout(LayoutPolicy::kFollows)
        .gradient([](GradientContext& g) {
          for (int i = 0; i < g.inputs(); ++i) g.pass(i, g.dout(0));
        }));

template <typename T>
void add(const T* a, const T* b, T* y, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) y[i] = a[i] + b[i];
}

template <typename T>
void add_range(const OpContext& context, int64_t begin, int64_t end) {
  T* y = context.output<T>(0);
  const T* first = context.input<T>(0);
  if (context.inputs() == 1) {
    if (y != first) std::copy(first + begin, first + end, y + begin);
    return;
  }
  // Blocks small enough that y stays in the first-level cache over all inputs.
  constexpr int64_t kBlock = 2048;
  for (int64_t block = begin; block < end; block += kBlock) {
    int64_t stop = std::min(block + kBlock, end);
    add(first, context.input<T>(1), y, block, stop);
    for (int i = 2; i < context.inputs(); ++i) add(y, context.input<T>(i), y, block, stop);
  }
}

const RegisterCpuKernel sum_cpu("Sum", [](const PrepareContext& prepare) {
  return dispatch(NumberTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel(
        [count = prepare.outputs[0].shape.numel(), width = prepare.width](OpContext& context) {
          for_parts(width, count,
                    [&](int64_t begin, int64_t end) { add_range<T>(context, begin, end); });
        });
  });
});

}  // namespace
}  // namespace headrace
