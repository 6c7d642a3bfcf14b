#include <cmath>

#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/parts.h"
#include "operators/softmax_loss.h"
#include "operators/softmax_rows.h"

namespace headrace {
namespace {

constexpr const char* kDoc = R"(softmax = Softmax(logits), and the mean cross-entropy
loss = scale * sum(w[n] * -log(softmax[n, label[n]])) / sum(w), with w = 1 where there are no
weights. With label_prob the labels are distributions p over the classes, and a sample's loss is
-sum(p * log(softmax)). The loss has no axes. It stays exact where a softmax is rounded to 0.)";

std::vector<TensorType> infer_loss(const InferContext& context) {
  check_softmax_loss(context, context.inputs.size() > 2);
  return {context.inputs[0], {context.dtype(0), Shape{}}};
}

OpSchema loss_schema() {
  OpSchema schema("SoftmaxWithLoss");
  schema.doc(kDoc)
      .differs("a label out of range is an error that names the sample, and labels may be int64.")
      .input("logits")
      .input("labels", "int32 or int64, one per sample; with label_prob like the logits")
      .optional_input("weights", "one per sample")
      .output("softmax", "as logits")
      .output("loss", "one number")
      .infer(infer_loss)
      .cost([](const CostContext& context) {
        return Cost{20 * static_cast<double>(context.inputs[0].shape.numel()),
                    context.operand_bytes()};
      })
      .gradient([](GradientContext& g) {
        std::vector<std::string> inputs;
        for (int i = 0; i < g.inputs(); ++i) inputs.push_back(g.in(i));
        inputs.insert(inputs.end(), {g.out(0), g.dout(1)});
        g.op("SoftmaxWithLossGradient", inputs, {g.din(0)});
      });
  return declare_softmax_loss(schema);
}

const RegisterOperator loss(loss_schema());

/// T: logits; Label: an integer, or T for distributions.
template <typename T, typename Label>
class LossKernel final : public Kernel {
 public:
  explicit LossKernel(const PrepareContext& context)
      : shape_(softmax_loss_shape(context.args, context.inputs[0].shape)),
        width_(context.width),
        weighted_(context.inputs.size() > 2) {}

  void launch(OpContext& op) const override {
    const T* x = op.input<T>(0);
    const Label* labels = op.input<Label>(1);
    const T* weights = weighted_ ? op.input<T>(2) : nullptr;
    T* y = op.output<T>(0);
    auto* losses = static_cast<double*>(op.scratch);
    if constexpr (!kDistribution) check_labels(shape_, labels);
    for_parts(
        width_, shape_.rows,
        [&](int64_t begin, int64_t end) {
          for (int64_t row = begin; row < end; ++row) {
            const int64_t first = row * shape_.columns;
            losses[row] = row_loss(row, x + first, labels, y == nullptr ? nullptr : y + first);
          }
        },
        1);
    if (op.output<T>(1) == nullptr) return;
    double total = 0;
    for (int64_t row = 0; row < shape_.rows; ++row) {
      total += losses[row] * (weights == nullptr ? 1.0 : weights[row]);
    }
    *op.output<T>(1) = static_cast<T>(total * shape_.factor(weights));
  }

  size_t scratch_bytes() const override {
    return static_cast<size_t>(shape_.rows) * sizeof(double);
  }

 private:
  static constexpr bool kDistribution = std::is_same_v<T, Label>;

  double row_loss(int64_t row, const T* x, const Label* labels, T* y) const {
    const RowSoftmax<T> softmax = softmax_row(x, shape_.columns, y);
    if constexpr (kDistribution) {
      const T* p = labels + row * shape_.columns;
      check_distribution(shape_, row, p);
      double sum = 0;
      for (int64_t i = 0; i < shape_.columns; ++i) {
        if (p[i] > 0) sum -= static_cast<double>(p[i]) * softmax.log_of(x[i]);
      }
      return sum;
    } else {
      return -softmax.log_of(x[labels[row]]);
    }
  }

  SoftmaxLossShape shape_;
  int width_;
  bool weighted_;
};

const RegisterCpuKernel loss_cpu("SoftmaxWithLoss", [](const PrepareContext& context) {
  return dispatch(FloatTypes{}, context.inputs[0].dtype,
                  [&]<typename T>() -> std::unique_ptr<Kernel> {
                    if (context.args.flag("label_prob"))
                      return std::make_unique<LossKernel<T, T>>(context);
                    return dispatch(Types<int32_t, int64_t>{}, context.inputs[1].dtype,
                                    [&]<typename Label>() -> std::unique_ptr<Kernel> {
                                      return std::make_unique<LossKernel<T, Label>>(context);
                                    });
                  });
});

}  // namespace
}  // namespace headrace
