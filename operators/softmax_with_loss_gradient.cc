#include "core/registry.h"
#include "operators/checks.h"
#include "operators/parts.h"
#include "operators/softmax_loss.h"

namespace headrace {
namespace {

std::vector<TensorType> infer_gradient(const InferContext& context) {
  const bool weighted = context.inputs.size() == 5;
  const int softmax = weighted ? 3 : 2;
  check_softmax_loss(context, weighted);
  require_same_type(context, softmax, 0);
  require_same_shape(context, softmax, 0);
  require_same_type(context, softmax + 1, 0);
  require_single(context, softmax + 1);
  return {context.inputs[0]};
}

OpSchema gradient_schema() {
  OpSchema schema("SoftmaxWithLossGradient");
  schema
      .doc(
          "Inputs (logits, labels, softmax, dloss) or (logits, labels, weights, softmax, dloss). "
          "dlogits[n] = dloss * scale * w[n] / sum(w) * (softmax[n] - p[n]), where p is the "
          "distribution that the label stands for.")
      .input("logits")
      .input("labels")
      .input("softmax", "or weights")
      .input("dloss", "or softmax")
      .optional_input("dloss")
      .output("dlogits")
      .infer(infer_gradient)
      .cost([](const CostContext& context) {
        return Cost{2 * static_cast<double>(context.inputs[0].shape.numel()),
                    context.operand_bytes()};
      });
  return declare_softmax_loss(schema);
}

const RegisterOperator gradient(gradient_schema());

template <typename T, typename Label>
std::unique_ptr<Kernel> prepare_gradient(const PrepareContext& context) {
  const SoftmaxLossShape shape = softmax_loss_shape(context.args, context.inputs[0].shape);
  const bool weighted = context.inputs.size() == 5;
  return make_kernel([shape, weighted, width = context.width](OpContext& op) {
    const Label* labels = op.input<Label>(1);
    const T* weights = weighted ? op.input<T>(2) : nullptr;
    const T* softmax = op.input<T>(weighted ? 3 : 2);
    const double factor = shape.factor(weights) * *op.input<T>(weighted ? 4 : 3);
    T* dx = op.output<T>(0);
    constexpr bool kDistribution = std::is_same_v<T, Label>;
    if constexpr (!kDistribution) check_labels(shape, labels);
    for_parts(
        width, shape.rows,
        [&](int64_t begin, int64_t end) {
          for (int64_t row = begin; row < end; ++row) {
            const int64_t first = row * shape.columns, last = first + shape.columns;
            const auto scale = static_cast<T>(weights == nullptr ? factor : factor * weights[row]);
            if constexpr (kDistribution) {
              check_distribution(shape, row, labels + first);
              for (int64_t i = first; i < last; ++i) dx[i] = scale * (softmax[i] - labels[i]);
            } else {
              for (int64_t i = first; i < last; ++i) dx[i] = scale * softmax[i];
              dx[first + labels[row]] = scale * (softmax[first + labels[row]] - 1);
            }
          }
        },
        1);
  });
}

const RegisterCpuKernel gradient_cpu("SoftmaxWithLossGradient", [](const PrepareContext& context) {
  return dispatch(FloatTypes{}, context.inputs[0].dtype, [&]<typename T>() {
    if (context.args.flag("label_prob")) return prepare_gradient<T, T>(context);
    return dispatch(Types<int32_t, int64_t>{}, context.inputs[1].dtype,
                    [&]<typename Label>() { return prepare_gradient<T, Label>(context); });
  });
});

}  // namespace
}  // namespace headrace
