#include <algorithm>
#include <optional>

#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/dnnl/matrix_product.h"
#include "operators/fc_shape.h"

namespace headrace {
namespace {

std::vector<TensorType> infer_fc(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  require_same_type(context, 1, 0);
  require_same_type(context, 2, 0);
  const FcShape shape = fc_shape(context.args, context.shape(0), context.shape(1));
  require_shape(context, 2, {shape.n}, "one bias per row of W");
  return {{context.dtype(0), shape.y}};
}

OpSchema fc_schema() {
  OpSchema schema("FC");
  schema
      .doc(
          "Fully connected layer: Y = X transpose(W) + b, where X is read as a matrix with the "
          "axes before `axis` as rows, and W with those before `axis_w`.")
      .input("X", "K elements per row")
      .input("W", "N x K")
      .input("b", "N")
      .output("Y", "the axes of X before `axis`, then N")
      .infer(infer_fc)
      .cost([](const CostContext& context) {
        const FcShape shape =
            fc_shape(context.args, context.inputs[0].shape, context.inputs[1].shape);
        return Cost{2 * shape.macs(), context.operand_bytes()};
      })
      .gradient([](GradientContext& g) {
        const std::string dw = g.din(1), db = g.din(2), dx = g.din(0);
        g.op("FCGradient", {g.in(0), g.in(1), g.dout(0)}, {dw, db, dx});
      });
  return declare_fc(schema);
}

const RegisterOperator fc(fc_schema());

/// Y = X transpose(W) + b; without elements per row, Y = b.
class FcKernel final : public Kernel {
 public:
  FcKernel(const FcShape& shape, int width) : shape_(shape) {
    if (shape.m * shape.k * shape.n == 0) return;
    product_.emplace(MatrixProduct::Problem{.m = shape.m,
                                            .k = shape.k,
                                            .n = shape.n,
                                            .transpose_b = true,
                                            .bias = true,
                                            .width = width});
  }

  void launch(OpContext& op) const override {
    const float* bias = op.input<float>(2);
    float* y = op.output<float>(0);
    if (product_) {
      product_->run(op.input<float>(0), op.input<float>(1), bias, y, op.scratch);
    } else {
      for (int64_t row = 0; row < shape_.m; ++row) {
        std::copy_n(bias, shape_.n, y + row * shape_.n);
      }
    }
  }
  size_t scratch_bytes() const override { return product_ ? product_->scratch_bytes() : 0; }

 private:
  FcShape shape_;
  std::optional<MatrixProduct> product_;
};

const RegisterCpuKernel fc_cpu("FC", [](const PrepareContext& context) -> std::unique_ptr<Kernel> {
  require_float32(context, {0, 1, 2});
  return std::make_unique<FcKernel>(
      fc_shape(context.args, context.inputs[0].shape, context.inputs[1].shape), context.width);
});

}  // namespace
}  // namespace headrace
