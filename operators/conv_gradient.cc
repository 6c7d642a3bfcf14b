#include <algorithm>
#include <optional>

#include "core/error.h"
#include "core/registry.h"
#include "operators/channel_sums.h"
#include "operators/checks.h"
#include "operators/conv_shape.h"
#include "operators/dnnl/convolution.h"
#include "operators/zero_output.h"

namespace headrace {
namespace {

// ConvGradient computes (dfilter, dbias, dX), or (dfilter, dX) with no_bias. A plan splits it into
// the gradient of the weights (X, dY) -> (dfilter, dbias), which only the update waits for, and
// that of the data (filter, dY) -> (dX), which the rest of the backward pass waits for.
constexpr const char* kWeights = "ConvGradient.weights";
constexpr const char* kData = "ConvGradient.data";
constexpr int kNoImage = -1;  // no operand has this position

/// Position of dX among `outputs` outputs; -1 when it is not there.
int data_output(const Args& args, int outputs) {
  const int position = args.flag("no_bias") ? 1 : 2;
  return position < outputs ? position : -1;
}

std::vector<TensorType> infer_gradient(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  const ConvShape shape = conv_shape(context.args, context.shape(0), context.shape(1));
  return infer_conv_gradients(context, shape.order, shape.y);
}

/// The bias gradient where no primitive computes it along with that of the filter.
class BiasGradient {
 public:
  BiasGradient() = default;
  explicit BiasGradient(const ConvProblem& problem)
      : sums_(ChannelRows::of(problem.shape.y, problem.channels_last), problem.width) {}
  size_t scratch_bytes() const { return sums_.scratch_bytes(); }
  void run(const float* dy, float* dbias, void* scratch) const {
    sums_.run(
        scratch, [dy](int64_t i, int64_t) { return std::array{dy[i]}; },
        [dbias](int64_t c, const auto& sums) { dbias[c] = static_cast<float>(sums[0]); });
  }

 private:
  ChannelSums<float, 1> sums_;
};

/// Any of the three gradients.
class ConvGradientKernel final : public Kernel {
 public:
  /// Positions of the operands; outputs that are absent or not wanted are -1.
  struct Positions {
    int x = -1;
    int filter = -1;
    int dy = -1;
    int dfilter = -1;
    int dbias = -1;
    int dx = -1;
  };

  ConvGradientKernel(const ConvProblem& problem, const Positions& positions) : at_(positions) {
    const bool empty = problem.shape.y.shape(problem.shape.order).numel() == 0;
    if (at_.dfilter >= 0 && !empty) filter_.emplace(problem, at_.dbias >= 0);
    if (at_.dbias >= 0 && !filter_) bias_.emplace(problem);
    if (at_.dx >= 0 && !empty) data_.emplace(problem);
    if (filter_) scratch_ = std::max(scratch_, filter_->scratch_bytes());
    if (bias_) scratch_ = std::max(scratch_, bias_->scratch_bytes());
    if (data_) scratch_ = std::max(scratch_, data_->scratch_bytes());
  }

  void launch(OpContext& op) const override {
    const float* dy = op.input<float>(at_.dy);
    if (filter_) {
      filter_->run(op.input<float>(at_.x), dy, op.output<float>(at_.dfilter),
                   at_.dbias >= 0 ? op.output<float>(at_.dbias) : nullptr, op.scratch);
    } else {
      zero_output(op, at_.dfilter);
    }
    if (bias_) bias_->run(dy, op.output<float>(at_.dbias), op.scratch);
    if (data_) {
      data_->run(op.input<float>(at_.filter), dy, op.output<float>(at_.dx), op.scratch);
    } else {
      zero_output(op, at_.dx);
    }
  }
  size_t scratch_bytes() const override { return scratch_; }

 private:
  Positions at_;
  std::optional<ConvBackwardFilter> filter_;
  std::optional<BiasGradient> bias_;
  std::optional<ConvBackwardData> data_;
  size_t scratch_ = 0;
};

std::unique_ptr<Kernel> make_gradient(const PrepareContext& context, const TensorDesc& x,
                                      const TensorDesc& filter, const TensorDesc& dy,
                                      ConvGradientKernel::Positions positions) {
  const ConvProblem problem = conv_problem(context.args, x, filter, dy, context.width);
  for (int* output : {&positions.dfilter, &positions.dbias, &positions.dx}) {
    if (*output >= 0 && !context.wants(*output)) *output = -1;
  }
  return std::make_unique<ConvGradientKernel>(problem, positions);
}

Cost gradient_cost(const CostContext& context) {
  const ConvShape shape =
      conv_shape(context.args, context.inputs[0].shape, context.inputs[1].shape);
  const bool data = data_output(context.args, static_cast<int>(context.outputs.size())) >= 0;
  return {.flops = 2 * shape.macs() * (data ? 2 : 1), .bytes = context.operand_bytes()};
}

OpSchema gradient_schema() {
  OpSchema schema("ConvGradient");
  schema.doc("Gradients of Conv: outputs (dfilter, dbias, dX), or (dfilter, dX) with no_bias.")
      .input("X")
      .input("filter")
      .input("dY")
      .output("dfilter")
      .optional_output("dbias", "with no_bias: dX")
      .optional_output("dX")
      .infer(infer_gradient)
      .cost(gradient_cost)
      .layout(LayoutPolicy::kPrefers, {0, 2}, {1, 2})
      .split([](const Args& args, int /*inputs*/, int outputs) {
        const int data = data_output(args, outputs);
        std::vector<int> weights = {0};
        if (!args.flag("no_bias") && outputs > 1) weights.push_back(1);
        std::vector<SplitPart> parts = {{kWeights, {0, 2}, weights}};
        if (data >= 0) parts.push_back({kData, {1, 2}, {data}});
        return parts;
      });
  return declare_conv(schema);
}

OpSchema weights_schema() {
  OpSchema schema(kWeights);
  schema.doc("The part of ConvGradient that only the update of the weights waits for.")
      .input("X")
      .input("dY")
      .output("dfilter")
      .optional_output("dbias")
      .plan_only()
      .layout(LayoutPolicy::kPrefers, {0, 1}, {kNoImage})
      .cost([](const CostContext& context) {
        const ConvShape shape =
            conv_shape(context.args, context.inputs[0].shape, context.outputs[0].shape);
        return Cost{2 * shape.macs(), context.operand_bytes()};
      });
  return declare_conv(schema);
}

OpSchema data_schema() {
  OpSchema schema(kData);
  schema.doc("The part of ConvGradient that the gradients before it wait for.")
      .input("filter")
      .input("dY")
      .output("dX")
      .plan_only()
      .layout(LayoutPolicy::kPrefers, {1}, {0})
      .cost([](const CostContext& context) {
        const ConvShape shape =
            conv_shape(context.args, context.outputs[0].shape, context.inputs[0].shape);
        return Cost{2 * shape.macs(), context.operand_bytes()};
      });
  return declare_conv(schema);
}

const RegisterOperator gradient(gradient_schema());
const RegisterOperator weights(weights_schema());
const RegisterOperator data(data_schema());

const RegisterCpuKernel gradient_cpu("ConvGradient", [](const PrepareContext& context) {
  require_float32(context, {0, 1, 2});
  const auto outputs = static_cast<int>(context.outputs.size());
  const bool dbias = !context.args.flag("no_bias") && outputs > 1;
  return make_gradient(context, context.inputs[0], context.inputs[1], context.inputs[2],
                       {.x = 0,
                        .filter = 1,
                        .dy = 2,
                        .dfilter = 0,
                        .dbias = dbias ? 1 : -1,
                        .dx = data_output(context.args, outputs)});
});

const RegisterCpuKernel weights_cpu(kWeights, [](const PrepareContext& context) {
  require_float32(context, {0, 1});
  return make_gradient(
      context, context.inputs[0], context.outputs[0], context.inputs[1],
      {.x = 0, .dy = 1, .dfilter = 0, .dbias = context.outputs.size() > 1 ? 1 : -1});
});

const RegisterCpuKernel data_cpu(kData, [](const PrepareContext& context) {
  require_float32(context, {0, 1});
  return make_gradient(context, context.outputs[0], context.inputs[0], context.inputs[1],
                       {.filter = 0, .dy = 1, .dx = 0});
});

}  // namespace
}  // namespace headrace
