#include <algorithm>
#include <optional>

#include "core/registry.h"
#include "operators/channel_sums.h"
#include "operators/checks.h"
#include "operators/dnnl/matrix_product.h"
#include "operators/fc_shape.h"
#include "operators/zero_output.h"

namespace headrace {
namespace {

// FCGradient computes (dW, db, dX). A plan splits it into the gradient of the weights
// (X, dY) -> (dW, db), which only the update waits for, and that of the data (W, dY) -> (dX), which
// the rest of the backward pass waits for.
constexpr const char* kWeights = "FCGradient.weights";
constexpr const char* kData = "FCGradient.data";

std::vector<TensorType> infer_gradient(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  require_same_type(context, 1, 0);
  require_same_type(context, 2, 0);
  const FcShape shape = fc_shape(context.args, context.shape(0), context.shape(1));
  require_shape(context, 2, shape.y, "that of the result of FC");
  return {context.inputs[1], {context.dtype(0), Shape{shape.n}}, context.inputs[0]};
}

/// Any of the three gradients.
class FcGradientKernel final : public Kernel {
 public:
  /// Positions of the operands; outputs that are absent or not wanted are -1.
  struct Positions {
    int x = -1;
    int w = -1;
    int dy = -1;
    int dw = -1;
    int db = -1;
    int dx = -1;
  };

  FcGradientKernel(const FcShape& shape, int width, const Positions& positions) : at_(positions) {
    const bool empty = shape.m * shape.k * shape.n == 0;
    if (at_.dw >= 0 && !empty) {
      dw_.emplace(MatrixProduct::Problem{
          .m = shape.n, .k = shape.m, .n = shape.k, .transpose_a = true, .width = width});
      scratch_ = std::max(scratch_, dw_->scratch_bytes());
    }
    if (at_.db >= 0) {
      db_.emplace(ChannelRows{.rows = shape.m, .channels = shape.n}, width);
      scratch_ = std::max(scratch_, db_->scratch_bytes());
    }
    if (at_.dx >= 0 && !empty) {
      dx_.emplace(MatrixProduct::Problem{.m = shape.m, .k = shape.n, .n = shape.k, .width = width});
      scratch_ = std::max(scratch_, dx_->scratch_bytes());
    }
  }

  void launch(OpContext& op) const override {
    const float* dy = op.input<float>(at_.dy);
    if (dw_) {
      dw_->run(dy, op.input<float>(at_.x), nullptr, op.output<float>(at_.dw), op.scratch);
    } else {
      zero_output(op, at_.dw);
    }
    if (db_) {
      db_->run(
          op.scratch, [dy](int64_t i, int64_t) { return std::array{dy[i]}; },
          [db = op.output<float>(at_.db)](int64_t n, const auto& sums) {
            db[n] = static_cast<float>(sums[0]);
          });
    }
    if (dx_) {
      dx_->run(dy, op.input<float>(at_.w), nullptr, op.output<float>(at_.dx), op.scratch);
    } else {
      zero_output(op, at_.dx);
    }
  }
  size_t scratch_bytes() const override { return scratch_; }

 private:
  Positions at_;
  std::optional<MatrixProduct> dw_;
  std::optional<ChannelSums<float, 1>> db_;
  std::optional<MatrixProduct> dx_;
  size_t scratch_ = 0;
};

std::unique_ptr<Kernel> make_gradient(const PrepareContext& context, const TensorDesc& x,
                                      const TensorDesc& w, FcGradientKernel::Positions positions) {
  for (int* output : {&positions.dw, &positions.db, &positions.dx}) {
    if (*output >= 0 && !context.wants(*output)) *output = -1;
  }
  return std::make_unique<FcGradientKernel>(fc_shape(context.args, x.shape, w.shape), context.width,
                                            positions);
}

CostFn cost_of_products(int x, int w, bool x_is_output, bool w_is_output) {
  return [=](const CostContext& context) {
    const TensorDesc& x_desc = x_is_output ? context.outputs[x] : context.inputs[x];
    const TensorDesc& w_desc = w_is_output ? context.outputs[w] : context.inputs[w];
    const double products = x_is_output || w_is_output || context.outputs.size() < 3 ? 1 : 2;
    return Cost{2 * products * fc_shape(context.args, x_desc.shape, w_desc.shape).macs(),
                context.operand_bytes()};
  };
}

OpSchema gradient_schema() {
  OpSchema schema("FCGradient");
  schema.doc("Gradients of FC: dW = transpose(dY) X, db = column sums of dY, dX = dY W.")
      .differs("Without columns of X db is still the sum of dY; Caffe2 gives 0.")
      .input("X")
      .input("W")
      .input("dY")
      .output("dW")
      .output("db", "gradient of the bias, as it")
      .optional_output("dX")
      .infer(infer_gradient)
      .cost(cost_of_products(0, 1, false, false))
      .split([](const Args&, int /*inputs*/, int outputs) {
        std::vector<SplitPart> parts = {{kWeights, {0, 2}, {0, 1}}};
        if (outputs > 2) parts.push_back({kData, {1, 2}, {2}});
        return parts;
      });
  return declare_fc(schema);
}

OpSchema weights_schema() {
  OpSchema schema(kWeights);
  schema.doc("The part of FCGradient that only the update of the weights waits for.")
      .input("X")
      .input("dY")
      .output("dW")
      .output("db", "gradient of the bias, as it")
      .plan_only()
      .cost(cost_of_products(0, 0, false, true));
  return declare_fc(schema);
}

OpSchema data_schema() {
  OpSchema schema(kData);
  schema.doc("The part of FCGradient that the gradients before it wait for.")
      .input("W")
      .input("dY")
      .output("dX")
      .plan_only()
      .cost(cost_of_products(0, 0, true, false));
  return declare_fc(schema);
}

const RegisterOperator gradient(gradient_schema());
const RegisterOperator weights(weights_schema());
const RegisterOperator data(data_schema());

const RegisterCpuKernel gradient_cpu("FCGradient", [](const PrepareContext& context) {
  require_float32(context, {0, 1, 2});
  const int dx = context.outputs.size() > 2 ? 2 : -1;
  return make_gradient(context, context.inputs[0], context.inputs[1],
                       {.x = 0, .w = 1, .dy = 2, .dw = 0, .db = 1, .dx = dx});
});

const RegisterCpuKernel weights_cpu(kWeights, [](const PrepareContext& context) {
  require_float32(context, {0, 1});
  return make_gradient(context, context.inputs[0], context.outputs[0],
                       {.x = 0, .dy = 1, .dw = 0, .db = 1});
});

const RegisterCpuKernel data_cpu(kData, [](const PrepareContext& context) {
  require_float32(context, {0, 1});
  return make_gradient(context, context.outputs[0], context.inputs[0], {.w = 0, .dy = 1, .dx = 0});
});

}  // namespace
}  // namespace headrace
