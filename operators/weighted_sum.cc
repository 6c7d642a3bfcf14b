#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/reduce.h"

namespace headrace {
namespace {

/// Inputs from `first` on are pairs of a tensor like that one and a weight of one element.
void check_pairs(const InferContext& context, int first) {
  auto count = static_cast<int>(context.inputs.size());
  require((count - first) % 2 == 0, ErrorCode::kInvalidArgument,
          "each tensor needs a weight after it, found an odd number of inputs, {}", count - first);
  require_type(context, first, FloatTypes{});
  for (int i = first; i < count; i += 2) {
    require_same_type(context, i, first);
    require_same_shape(context, i, first);
    require_same_type(context, i + 1, first);
    require_single(context, i + 1);
  }
}

std::vector<TensorType> infer_weighted_sum(const InferContext& context) {
  check_pairs(context, 0);
  return {context.inputs[0]};
}

/// Outputs are the gradients of the tensors and then, if asked for, of the weights.
void weighted_sum_gradient(GradientContext& g) {
  std::vector<std::string> inputs = {g.dout(0)};
  for (int i = 0; i < g.inputs(); ++i) inputs.push_back(g.in(i));
  std::vector<std::string> outputs;
  for (int i = 0; i < g.inputs(); i += 2) outputs.push_back(g.din(i));
  if (g.args().flag("grad_on_w")) {
    for (int i = 1; i < g.inputs(); i += 2) outputs.push_back(g.din(i));
  }
  g.op("WeightedSumGradient", inputs, outputs);
}

const RegisterOperator weighted_sum(
    OpSchema("WeightedSum")
        .doc("Y = w0 * X0 + w1 * X1 + ..., element by element; all tensors have one shape.")
        .input("X0")
        .input("w0", "one element")
        .repeated_input("X, w", 0, "further pairs")
        .output("Y")
        .arg("grad_on_w", 0, "1: the weights have gradients too")
        .inplace(0, 0)
        .infer(infer_weighted_sum)
        .cost([](const CostContext& context) {
          double count = static_cast<double>(context.outputs[0].shape.numel());
          return Cost{count * static_cast<double>(context.inputs.size()), context.operand_bytes()};
        })
        .layout(LayoutPolicy::kFollows)
        .gradient(weighted_sum_gradient));

template <typename T>
void add_weighted(OpContext& context, int64_t begin, int64_t end) {
  T* y = context.output<T>(0);
  const T* x0 = context.input<T>(0);
  const T w0 = *context.input<T>(1);
  int pair = 2;
  if (context.inputs() == 2) {
    for (int64_t i = begin; i < end; ++i) y[i] = w0 * x0[i];
  } else {
    // Two at once: weight decay, the usual case, is one pass over memory.
    const T* x1 = context.input<T>(2);
    const T w1 = *context.input<T>(3);
    for (int64_t i = begin; i < end; ++i) y[i] = w0 * x0[i] + w1 * x1[i];
    pair = 4;
  }
  for (; pair < context.inputs(); pair += 2) {
    const T* x = context.input<T>(pair);
    const T w = *context.input<T>(pair + 1);
    for (int64_t i = begin; i < end; ++i) y[i] += w * x[i];
  }
}

const RegisterCpuKernel weighted_sum_cpu("WeightedSum", [](const PrepareContext& prepare) {
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel(
        [count = prepare.outputs[0].shape.numel(), width = prepare.width](OpContext& context) {
          for_parts(width, count, [&](int64_t begin, int64_t end) {
            // Blocks small enough that y stays in the first-level cache over all pairs.
            constexpr int64_t kBlock = 2048;
            for (int64_t block = begin; block < end; block += kBlock) {
              add_weighted<T>(context, block, std::min(block + kBlock, end));
            }
          });
        });
  });
});

std::vector<TensorType> infer_weighted_sum_gradient(const InferContext& context) {
  check_pairs(context, 1);
  require_same_type(context, 0, 1);
  require_same_shape(context, 0, 1);
  int pairs = (static_cast<int>(context.inputs.size()) - 1) / 2;
  int expected = context.args.flag("grad_on_w") ? 2 * pairs : pairs;
  require(context.outputs == expected, ErrorCode::kInvalidArgument,
          "{} pairs with grad_on_w: {} have {} gradients, found {} outputs", pairs,
          context.args.integer("grad_on_w"), expected, context.outputs);
  std::vector<TensorType> types(pairs, context.inputs[1]);
  for (int i = pairs; i < expected; ++i) types.push_back(context.inputs[2 * (i - pairs) + 2]);
  return types;
}

const RegisterOperator weighted_sum_gradient_operator(
    OpSchema("WeightedSumGradient")
        .doc("dX[k] = w[k] * dY and, with grad_on_w, dw[k] = sum(dY * X[k]).")
        .input("dY")
        .input("X0")
        .input("w0")
        .repeated_input("X, w", 0, "further pairs")
        .repeated_output("dX, dw", 1, "gradients of all X, then of all w if grad_on_w")
        .arg("grad_on_w", 0)
        .infer(infer_weighted_sum_gradient)
        .layout(LayoutPolicy::kFollows)
        .no_gradient());

const RegisterCpuKernel weighted_sum_gradient_cpu(
    "WeightedSumGradient", [](const PrepareContext& prepare) {
      int64_t count = prepare.inputs[0].shape.numel();
      return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
        return make_kernel(
            [count, width = prepare.width](OpContext& context) {
              const T* dy = context.input<T>(0);
              int pairs = (context.inputs() - 1) / 2;
              for (int k = 0; k < context.outputs(); ++k) {
                T* out = context.output<T>(k);
                if (out == nullptr) continue;
                if (k < pairs) {
                  T weight = *context.input<T>(2 * k + 2);
                  for_parts(width, count, [&](int64_t begin, int64_t end) {
                    for (int64_t i = begin; i < end; ++i) out[i] = weight * dy[i];
                  });
                } else {
                  const T* x = context.input<T>(2 * (k - pairs) + 1);
                  *out = static_cast<T>(block_sum<T>(width, count, context.scratch,
                                                     [&](int64_t i) { return dy[i] * x[i]; }));
                }
              }
            },
            reduce_scratch(count));
      });
    });

}  // namespace
}  // namespace headrace
