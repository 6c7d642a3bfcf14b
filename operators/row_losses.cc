// Losses that are summed up over each row: SquaredL2Distance, SigmoidCrossEntropyWithLogits.

#include <cmath>

#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/map.h"
#include "operators/parts.h"
#include "operators/reduce.h"

namespace headrace {
namespace {

/// The sum of a row's terms, however long it is, in blocks.
template <typename T, typename Term>
double row_sum(int64_t begin, int64_t end, Term term) {
  double sum = 0;
  for (int64_t at = begin; at < end; at += kReduceBlock) {
    sum += range_sum<T>(at, std::min(at + kReduceBlock, end), term);
  }
  return sum;
}

int64_t rows_of(const Shape& x) { return x.rank() == 0 ? 1 : x[0]; }

std::vector<TensorType> infer_distance(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  require_same_type(context, 1, 0);
  require_same_shape(context, 1, 0);
  return {{context.dtype(0), Shape{rows_of(context.shape(0))}}};
}

std::vector<TensorType> infer_distance_gradient(const InferContext& context) {
  infer_distance(context);
  require_same_type(context, 2, 0);
  require_shape(context, 2, {rows_of(context.shape(0))}, "one for each row of X");
  return {context.inputs[0], context.inputs[1]};
}

const RegisterOperator squared_l2_distance(
    OpSchema("SquaredL2Distance")
        .doc("Half the squared distance of each row of X from that of Y: Z = |X - Y|^2 / 2.")
        .input("X")
        .input("Y")
        .output("Z", "one element for each row")
        .infer(infer_distance)
        .cost([](const CostContext& context) {
          return Cost{3 * static_cast<double>(context.inputs[0].shape.numel()),
                      context.operand_bytes()};
        })
        .gradient([](GradientContext& g) {
          std::string dx = g.din(0);
          g.op("SquaredL2DistanceGradient", {g.in(0), g.in(1), g.dout(0)}, {dx, g.din(1)});
        }));
const RegisterOperator squared_l2_distance_gradient(OpSchema("SquaredL2DistanceGradient")
                                                        .doc("dX = dZ * (X - Y), dY = -dX.")
                                                        .input("X")
                                                        .input("Y")
                                                        .input("dZ")
                                                        .output("dX")
                                                        .output("dY")
                                                        .infer(infer_distance_gradient)
                                                        .no_gradient());

const RegisterCpuKernel distance_cpu("SquaredL2Distance", [](const PrepareContext& prepare) {
  const int64_t rows = rows_of(prepare.inputs[0].shape);
  const int64_t columns = rows == 0 ? 0 : prepare.inputs[0].shape.numel() / rows;
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel([rows, columns, width = prepare.width](OpContext& context) {
      const T* x = context.input<T>(0);
      const T* y = context.input<T>(1);
      T* z = context.output<T>(0);
      for_parts(
          width, rows,
          [&](int64_t begin, int64_t end) {
            for (int64_t row = begin; row < end; ++row) {
              double sum = row_sum<T>(row * columns, (row + 1) * columns,
                                      [=](int64_t i) { return (x[i] - y[i]) * (x[i] - y[i]); });
              z[row] = static_cast<T>(sum / 2);
            }
          },
          /*grain=*/1);
    });
  });
});

const RegisterCpuKernel distance_gradient_cpu(
    "SquaredL2DistanceGradient", [](const PrepareContext& prepare) {
      const int64_t count = prepare.inputs[0].shape.numel();
      const int64_t columns = count / std::max<int64_t>(1, rows_of(prepare.inputs[0].shape));
      return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
        return make_kernel([count, columns, width = prepare.width](OpContext& context) {
          const T* x = context.input<T>(0);
          const T* y = context.input<T>(1);
          const T* dz = context.input<T>(2);
          T* dx = context.output<T>(0);
          T* dy = context.output<T>(1);
          for_parts(width, count, [&](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) {
              const T step = dz[i / columns] * (x[i] - y[i]);
              if (dx != nullptr) dx[i] = step;
              if (dy != nullptr) dy[i] = -step;
            }
          });
        });
      });
    });

/// How targets and logits meet.
enum class EntropyKind : uint8_t { kPlain, kLogD, kUnjoined };

EntropyKind entropy_kind(const Args& args) {
  const bool log_d = args.flag("log_D_trick"), unjoined = args.flag("unjoined_lr_loss");
  require(!log_d || !unjoined, ErrorCode::kInvalidArgument,
          "log_D_trick and unjoined_lr_loss exclude each other");
  return log_d ? EntropyKind::kLogD : unjoined ? EntropyKind::kUnjoined : EntropyKind::kPlain;
}

Shape entropy_shape(const Shape& logits) {
  if (logits.rank() == 0) return {};
  return Shape(logits.dims().first(static_cast<size_t>(logits.rank() - 1)));
}
int64_t row_length(const Shape& logits) {
  return logits.rank() == 0 ? 1 : logits[logits.rank() - 1];
}

template <typename T>
T softplus(T x) {
  return std::max(x, T{0}) + std::log1p(std::exp(-std::abs(x)));
}
template <typename T>
T logistic(T x) {
  return T{1} / (T{1} + std::exp(-x));
}

template <typename T>
T entropy(EntropyKind kind, T x, T t) {
  if (kind == EntropyKind::kLogD) return (T{2} * t - T{1}) * (softplus(x) - x);
  if (kind == EntropyKind::kUnjoined) return (T{1} - t) * softplus(x) - x * t;
  return softplus(x) - x * t;
}
template <typename T>
T entropy_slope(EntropyKind kind, T x, T t) {
  if (kind == EntropyKind::kLogD) return (T{2} * t - T{1}) * (logistic(x) - T{1});
  if (kind == EntropyKind::kUnjoined) return (T{1} - t) * logistic(x) - t;
  return logistic(x) - t;
}

OpSchema& declare_entropy(OpSchema& schema) {
  return schema.arg("log_D_trick", 0, "1: (1 - 2 t) log(s), the loss of a generator")
      .arg("unjoined_lr_loss", 0,
           "1: -x t - (1 - t) log(1 - s), where positive samples come a second time as negative "
           "ones");
}

OpSchema entropy_schema() {
  OpSchema schema("SigmoidCrossEntropyWithLogits");
  schema
      .doc(
          "The mean over each row, the last axis, of -t log(s) - (1 - t) log(1 - s), where s is "
          "the sigmoid of the logit and t the target.")
      .input("logits")
      .input("targets", "of the same shape")
      .output("loss", "without the last axis");
  return declare_entropy(schema)
      .infer([](const InferContext& context) {
        require_type(context, 0, FloatTypes{});
        require_same_type(context, 1, 0);
        require_same_shape(context, 1, 0);
        entropy_kind(context.args);
        return std::vector<TensorType>{{context.dtype(0), entropy_shape(context.shape(0))}};
      })
      .cost([](const CostContext& context) {
        return Cost{40 * static_cast<double>(context.inputs[0].shape.numel()),
                    context.operand_bytes()};
      })
      .gradient([](GradientContext& g) {
        g.op("SigmoidCrossEntropyWithLogitsGradient", {g.dout(0), g.in(0), g.in(1)}, {g.din(0)});
      });
}
OpSchema entropy_gradient_schema() {
  OpSchema schema("SigmoidCrossEntropyWithLogitsGradient");
  schema.doc("The gradient of the logits; there is none of the targets.")
      .input("dloss")
      .input("logits")
      .input("targets")
      .output("dlogits");
  return declare_entropy(schema)
      .infer([](const InferContext& context) {
        require_type(context, 1, FloatTypes{});
        require_same_type(context, 2, 1);
        require_same_shape(context, 2, 1);
        require_same_type(context, 0, 1);
        require_shape(context, 0, entropy_shape(context.shape(1)), "that of the loss");
        entropy_kind(context.args);
        return std::vector<TensorType>{context.inputs[1]};
      })
      .no_gradient();
}
const RegisterOperator entropy_operator(entropy_schema());
const RegisterOperator entropy_gradient(entropy_gradient_schema());

const RegisterCpuKernel entropy_cpu(
    "SigmoidCrossEntropyWithLogits", [](const PrepareContext& prepare) {
      const int64_t rows = prepare.outputs[0].shape.numel();
      const int64_t columns = row_length(prepare.inputs[0].shape);
      const EntropyKind kind = entropy_kind(prepare.args);
      return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
        return make_kernel([=, width = prepare.width](OpContext& context) {
          const T* x = context.input<T>(0);
          const T* t = context.input<T>(1);
          T* loss = context.output<T>(0);
          for_parts(
              width, rows,
              [&](int64_t begin, int64_t end) {
                for (int64_t row = begin; row < end; ++row) {
                  double sum = row_sum<T>(row * columns, (row + 1) * columns,
                                          [=](int64_t i) { return entropy(kind, x[i], t[i]); });
                  loss[row] =
                      columns == 0 ? T{0} : static_cast<T>(sum / static_cast<double>(columns));
                }
              },
              /*grain=*/1);
        });
      });
    });
const RegisterCpuKernel entropy_gradient_cpu(
    "SigmoidCrossEntropyWithLogitsGradient", [](const PrepareContext& prepare) {
      const int64_t count = prepare.inputs[1].shape.numel();
      const int64_t columns = row_length(prepare.inputs[1].shape);
      const EntropyKind kind = entropy_kind(prepare.args);
      return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
        return make_kernel([=, width = prepare.width](OpContext& context) {
          const T* dloss = context.input<T>(0);
          const T* x = context.input<T>(1);
          const T* t = context.input<T>(2);
          T* dx = context.output<T>(0);
          for_parts(width, count, [&](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) {
              dx[i] =
                  entropy_slope(kind, x[i], t[i]) * dloss[i / columns] / static_cast<T>(columns);
            }
          });
        });
      });
    });

}  // namespace
}  // namespace headrace
