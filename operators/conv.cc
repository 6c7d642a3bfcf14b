#include "core/error.h"
#include "core/gradient_context.h"
#include "core/proto/net.pb.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/conv_shape.h"
#include "operators/dnnl/convolution.h"

namespace headrace {
namespace {

constexpr const char* kDoc = R"(2-, 1- or 3-dimensional convolution (cross-correlation) with groups:

Y[n, o, p] = bias[o] + sum over i, t of filter[o, i, t] * X[n, g(o) + i, stride p + dilation t - pad]

where i runs over the input channels of the group of o, and X is zero outside of the image.
The output has floor((size + pads - dilation (kernel - 1) - 1) / stride) + 1 positions per axis.)";

std::vector<TensorType> infer_conv(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  require_same_type(context, 1, 0);
  const ConvShape shape = conv_shape(context.args, context.shape(0), context.shape(1));
  if (context.inputs.size() > 2) {
    require_same_type(context, 2, 0);
    require_shape(context, 2, {shape.y.c}, "one bias per output channel");
  }
  return {{context.dtype(0), shape.y.shape(shape.order)}};
}

Cost conv_cost(const CostContext& context) {
  const ConvShape shape =
      conv_shape(context.args, context.inputs[0].shape, context.inputs[1].shape);
  return {.flops = 2 * shape.macs(), .bytes = context.operand_bytes()};
}

class ConvKernel final : public Kernel {
 public:
  ConvKernel(const ConvProblem& problem, bool with_bias)
      : forward_(problem, with_bias), with_bias_(with_bias) {}

  void launch(OpContext& op) const override {
    forward_.run(op.input<float>(0), op.input<float>(1), op.packed,
                 with_bias_ ? op.input<float>(2) : nullptr, op.output<float>(0), op.scratch);
  }
  size_t scratch_bytes() const override { return forward_.scratch_bytes(); }
  int packed_input() const override { return forward_.packed_bytes() > 0 ? 1 : -1; }
  size_t packed_bytes() const override { return forward_.packed_bytes(); }
  void pack(const void* filter, void* target) const override {
    forward_.pack(static_cast<const float*>(filter), target);
  }

 private:
  ConvForward forward_;
  bool with_bias_;
};

OpSchema conv_schema() {
  OpSchema schema("Conv");
  schema.doc(kDoc)
      .differs("`legacy_pad` 2 works with a dilation too; Caffe2 refuses it.")
      .input("X", "image")
      .input("filter", "[out, in / group, kernel...]; order NHWC: [out, kernel..., in / group]")
      .optional_input("bias", "[out]")
      .output("Y", "image")
      .infer(infer_conv)
      .cost(conv_cost)
      .layout(LayoutPolicy::kPrefers, {0}, {0})
      .gradient([](GradientContext& g) {
        const bool bias = g.inputs() > 2;
        std::vector<std::string> outputs = {g.din(1)};
        if (bias) outputs.push_back(g.din(2));
        if (!g.args().flag("no_gradient_to_input")) outputs.push_back(g.din(0));
        OperatorDef& gradient = g.op("ConvGradient", {g.in(0), g.in(1), g.dout(0)}, outputs);
        set_arg(gradient, "no_bias", int64_t{bias ? 0 : 1});
      });
  return declare_conv(schema);
}

const RegisterOperator conv(conv_schema());

const RegisterCpuKernel conv_cpu("Conv",
                                 [](const PrepareContext& context) -> std::unique_ptr<Kernel> {
                                   require_float32(context, {0, 1});
                                   if (context.outputs[0].shape.numel() == 0)
                                     return make_kernel([](OpContext&) {});
                                   return std::make_unique<ConvKernel>(
                                       conv_problem(context.args, context.inputs[0],
                                                    context.inputs[1], context.outputs[0],
                                                    context.width),
                                       context.inputs.size() > 2);
                                 });

}  // namespace
}  // namespace headrace
