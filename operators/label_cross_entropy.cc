#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/parts.h"

namespace headrace {
namespace {

/// Probabilities below this count as this much, in value and gradient.
constexpr double kSmallest = 1e-20;

/// Rows and classes: a vector is one row, further dimensions are classes together.
struct Rows {
  int64_t rows;
  int64_t classes;
};
Rows rows_of(const Shape& shape) {
  if (shape.rank() == 1) return {1, shape[0]};
  return {shape[0], shape.product(1, shape.rank())};
}

/// Checks X and label; gives the shape of the loss.
Shape check_operands(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  require_type(context, 1, Types<int32_t>{});
  require(context.shape(0).rank() >= 1, ErrorCode::kShapeMismatch,
          "{}; it must have a row of probabilities per sample", describe_input(context, 0));
  int64_t rows = rows_of(context.shape(0)).rows;
  const Shape& label = context.shape(1);
  bool column = label.rank() == 2 && label[1] == 1;
  require((label.rank() == 1 || column) && label[0] == rows, ErrorCode::kShapeMismatch,
          "{} and {}; there must be one label per row, in a vector or column",
          describe_input(context, 0), describe_input(context, 1));
  return Shape{rows};
}

int64_t checked_label(const int32_t* labels, int64_t row, int64_t classes) {
  int64_t label = labels[row];
  require(label >= 0 && label < classes, ErrorCode::kNumeric,
          "label {} of row {} is out of range; there are {} classes", label, row, classes);
  return label;
}

template <typename T>
T floored(T probability) {
  // Keeps a NaN a NaN.
  return probability < static_cast<T>(kSmallest) ? static_cast<T>(kSmallest) : probability;
}

const RegisterOperator label_cross_entropy(
    OpSchema("LabelCrossEntropy")
        .doc("Y[i] = -log(max(X[i, label[i]], 1e-20)).")
        .differs(
            "a label out of range is an error that names the sample; Caffe2 reads past the row.")
        .input("X", "probabilities, one row per sample")
        .input("label", "int32, one per row, in [0, classes)")
        .output("Y", "one loss per row")
        .infer([](const InferContext& context) {
          return std::vector<TensorType>{{context.dtype(0), check_operands(context)}};
        })
        .gradient([](GradientContext& g) {
          g.op("LabelCrossEntropyGradient", {g.in(0), g.in(1), g.dout(0)}, {g.din(0)});
        }));

const RegisterCpuKernel label_cross_entropy_cpu(
    "LabelCrossEntropy", [](const PrepareContext& prepare) {
      return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
        return make_kernel(
            [shape = rows_of(prepare.inputs[0].shape), width = prepare.width](OpContext& context) {
              const T* x = context.input<T>(0);
              const auto* labels = context.input<int32_t>(1);
              T* y = context.output<T>(0);
              for_parts(width, shape.rows, [&](int64_t begin, int64_t end) {
                for (int64_t row = begin; row < end; ++row) {
                  int64_t label = checked_label(labels, row, shape.classes);
                  y[row] = -std::log(floored(x[row * shape.classes + label]));
                }
              });
            });
      });
    });

const RegisterOperator label_cross_entropy_gradient(
    OpSchema("LabelCrossEntropyGradient")
        .doc("dX[i, label[i]] = -dY[i] / max(X[i, label[i]], 1e-20), 0 elsewhere.")
        .input("X")
        .input("label")
        .input("dY", "one per row")
        .output("dX")
        .infer([](const InferContext& context) {
          Shape losses = check_operands(context);
          require_same_type(context, 2, 0);
          require_count(context, 2, losses.numel());
          return std::vector<TensorType>{context.inputs[0]};
        })
        .no_gradient());

const RegisterCpuKernel label_cross_entropy_gradient_cpu(
    "LabelCrossEntropyGradient", [](const PrepareContext& prepare) {
      return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
        return make_kernel(
            [shape = rows_of(prepare.inputs[0].shape), width = prepare.width](OpContext& context) {
              const T* x = context.input<T>(0);
              const auto* labels = context.input<int32_t>(1);
              const T* dy = context.input<T>(2);
              T* dx = context.output<T>(0);
              int64_t classes = shape.classes;
              for_parts(
                  width, shape.rows,
                  [&](int64_t begin, int64_t end) {
                    std::fill(dx + begin * classes, dx + end * classes, T{0});
                    for (int64_t row = begin; row < end; ++row) {
                      int64_t at = row * classes + checked_label(labels, row, classes);
                      dx[at] = -dy[row] / floored(x[at]);
                    }
                  },
                  /*grain=*/1);
            });
      });
    });

}  // namespace
}  // namespace headrace
