// Sums and means of all elements: SumElements, SumSqrElements, AveragedLoss.

#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/reduce.h"

namespace headrace {
namespace {

std::vector<TensorType> infer_scalar(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  return {{context.dtype(0), Shape{}}};
}

Cost reading_cost(const CostContext& context) {
  return {2 * static_cast<double>(context.inputs[0].shape.numel()), context.operand_bytes()};
}

/// The factor that makes a mean of a sum. The mean of nothing is 0, as in Caffe2.
double mean_factor(int64_t count) { return count == 0 ? 0.0 : 1.0 / static_cast<double>(count); }

template <bool kSquares>
std::unique_ptr<Kernel> prepare_sum(const PrepareContext& prepare, bool mean) {
  int64_t count = prepare.inputs[0].shape.numel();
  double factor = mean ? mean_factor(count) : 1.0;
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel(
        [count, factor, width = prepare.width](OpContext& context) {
          const T* x = context.input<T>(0);
          double sum = block_sum<T>(width, count, context.scratch,
                                    [x](int64_t i) { return kSquares ? x[i] * x[i] : x[i]; });
          context.output<T>(0)[0] = static_cast<T>(sum * factor);
        },
        reduce_scratch(count));
  });
}

std::vector<TensorType> infer_spread(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  require_same_type(context, 1, 0);
  require_single(context, 1);
  return {context.inputs[0]};
}

std::unique_ptr<Kernel> prepare_spread(const PrepareContext& prepare, bool mean) {
  int64_t count = prepare.inputs[0].shape.numel();
  double factor = mean ? mean_factor(count) : 1.0;
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel([count, factor, width = prepare.width](OpContext& context) {
      T value = static_cast<T>(double{context.input<T>(1)[0]} * factor);
      T* dx = context.output<T>(0);
      for_parts(width, count,
                [&](int64_t begin, int64_t end) { std::fill(dx + begin, dx + end, value); });
    });
  });
}

OpSchema sum_schema(const char* type, const char* doc) {
  OpSchema schema(type);
  schema.doc(doc)
      .input("X")
      .output("sum", "a scalar")
      .infer(infer_scalar)
      .cost(reading_cost)
      .layout(LayoutPolicy::kFollows);
  return schema;
}

OpSchema spread_schema(const char* type, const char* doc) {
  OpSchema schema(type);
  schema.doc(doc)
      .input("X", "only its shape is used")
      .input("dY", "one element")
      .output("dX")
      .infer(infer_spread)
      .layout(LayoutPolicy::kFollows)
      .no_gradient();
  return schema;
}

GradientFn gradient_with_input(const char* type) {
  return [type](GradientContext& g) { g.op(type, {g.in(0), g.dout(0)}, {g.din(0)}); };
}

const RegisterOperator sum_elements(sum_schema("SumElements",
                                               "Sum of all elements, or their mean; 0 for none.")
                                        .arg("average", 0, "1: the mean")
                                        .gradient(gradient_with_input("SumElementsGradient")));
const RegisterCpuKernel sum_elements_cpu("SumElements", [](const PrepareContext& prepare) {
  return prepare_sum<false>(prepare, prepare.args.flag("average"));
});
const RegisterOperator sum_elements_gradient(
    spread_schema("SumElementsGradient", "dY for every element of X, or its share of a mean.")
        .arg("average", 0, "1: of the mean"));
const RegisterCpuKernel sum_elements_gradient_cpu("SumElementsGradient",
                                                  [](const PrepareContext& prepare) {
                                                    return prepare_spread(
                                                        prepare, prepare.args.flag("average"));
                                                  });

const RegisterOperator sum_sqr_elements(
    sum_schema("SumSqrElements", "Sum of the squares of all elements, or their mean; 0 for none.")
        .arg("average", 0, "1: the mean")
        .no_gradient());
const RegisterCpuKernel sum_sqr_elements_cpu("SumSqrElements", [](const PrepareContext& prepare) {
  return prepare_sum<true>(prepare, prepare.args.flag("average"));
});

const RegisterOperator averaged_loss(sum_schema("AveragedLoss",
                                                "The mean of all elements as a scalar; 0 for none.")
                                         .gradient(gradient_with_input("AveragedLossGradient")));
const RegisterCpuKernel averaged_loss_cpu("AveragedLoss", [](const PrepareContext& prepare) {
  return prepare_sum<false>(prepare, /*mean=*/true);
});
const RegisterOperator averaged_loss_gradient(
    spread_schema("AveragedLossGradient", "dY divided by the number of elements of X."));
const RegisterCpuKernel averaged_loss_gradient_cpu("AveragedLossGradient",
                                                   [](const PrepareContext& prepare) {
                                                     return prepare_spread(prepare, /*mean=*/true);
                                                   });

}  // namespace
}  // namespace headrace
