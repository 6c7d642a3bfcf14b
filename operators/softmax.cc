#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/axis.h"
#include "operators/checks.h"
#include "operators/parts.h"
#include "operators/softmax_rows.h"

namespace headrace {
namespace {

/// X as a matrix: the axes before `axis` are rows.
struct RowShape {
  int64_t rows;
  int64_t columns;
};

RowShape row_shape(const Args& args, const Shape& x) {
  const int axis = axis_of(args, x);
  return {x.product(0, axis), x.product(axis, x.rank())};
}

std::vector<TensorType> infer_softmax(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  row_shape(context.args, context.shape(0));
  return {context.inputs[0]};
}

std::vector<TensorType> infer_gradient(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  require_same_type(context, 1, 0);
  require_same_shape(context, 1, 0);
  row_shape(context.args, context.shape(0));
  return {context.inputs[0]};
}

OpSchema& declare_softmax(OpSchema& schema) {
  return schema.arg("axis", 1, "the sum runs over this axis and all after it")
      .ignored_args({"order", "use_cudnn", "cudnn_exhaustive_search"});
}

OpSchema softmax_schema() {
  OpSchema schema("Softmax");
  schema.doc("Y = exp(X) / sum(exp(X)), where the sum runs over all axes from `axis` on.")
      .input("X")
      .output("Y")
      .inplace(0, 0)
      .infer(infer_softmax)
      .cost([](const CostContext& context) {
        return Cost{20 * static_cast<double>(context.inputs[0].shape.numel()),
                    context.operand_bytes()};
      })
      .gradient([](GradientContext& g) {
        g.op("SoftmaxGradient", {g.out(0), g.dout(0)}, {g.din(0)});
      });
  return declare_softmax(schema);
}

OpSchema gradient_schema() {
  OpSchema schema("SoftmaxGradient");
  schema.doc("dX = Y * (dY - sum(dY * Y)), where the sum runs over all axes from `axis` on.")
      .input("Y", "result of Softmax")
      .input("dY")
      .output("dX")
      .inplace(1, 0)
      .infer(infer_gradient)
      .cost([](const CostContext& context) {
        return Cost{4 * static_cast<double>(context.inputs[0].shape.numel()),
                    context.operand_bytes()};
      });
  return declare_softmax(schema);
}

const RegisterOperator softmax(softmax_schema());
const RegisterOperator gradient(gradient_schema());

const RegisterCpuKernel softmax_cpu("Softmax", [](const PrepareContext& context) {
  return dispatch(FloatTypes{}, context.inputs[0].dtype, [&]<typename T>() {
    const RowShape shape = row_shape(context.args, context.inputs[0].shape);
    return make_kernel([shape, width = context.width](OpContext& op) {
      const T* x = op.input<T>(0);
      T* y = op.output<T>(0);
      for_parts(
          width, shape.rows,
          [&](int64_t begin, int64_t end) {
            for (int64_t row = begin; row < end; ++row) {
              softmax_row(x + row * shape.columns, shape.columns, y + row * shape.columns);
            }
          },
          1);
    });
  });
});

const RegisterCpuKernel gradient_cpu("SoftmaxGradient", [](const PrepareContext& context) {
  return dispatch(FloatTypes{}, context.inputs[0].dtype, [&]<typename T>() {
    const RowShape shape = row_shape(context.args, context.inputs[0].shape);
    return make_kernel([shape, width = context.width](OpContext& op) {
      for_parts(
          width, shape.rows,
          [&](int64_t begin, int64_t end) {
            for (int64_t row = begin; row < end; ++row) {
              const T* y = op.input<T>(0) + row * shape.columns;
              const T* dy = op.input<T>(1) + row * shape.columns;
              T* dx = op.output<T>(0) + row * shape.columns;
              const T dot = sum_lanes<T>(shape.columns, [=](int64_t i) { return y[i] * dy[i]; });
#pragma GCC ivdep  // dx is dy, or apart from it
              for (int64_t i = 0; i < shape.columns; ++i) dx[i] = y[i] * (dy[i] - dot);
            }
          },
          1);
    });
  });
});

}  // namespace
}  // namespace headrace
