// ConvTranspose: the gradient of a convolution with respect to its image, as a layer. What is its
// input and output here is the convolution's output and input.

#include <algorithm>
#include <optional>

#include "core/error.h"
#include "core/gradient_context.h"
#include "core/proto/net.pb.h"
#include "core/registry.h"
#include "operators/channel_sums.h"
#include "operators/checks.h"
#include "operators/conv_shape.h"
#include "operators/dnnl/convolution.h"
#include "operators/scratch.h"

namespace headrace {
namespace {

/// The convolution from Y to X.
ConvShape reversed_shape(const Args& args, const Shape& x, const Shape& filter) {
  ConvShape shape;
  shape.order = order_of(args);
  shape.y = image_shape(x, shape.order, "X");
  require(filter.rank() == x.rank(), ErrorCode::kShapeMismatch,
          "the filter must have as many dimensions as X {}, found {}", x.to_string(),
          filter.to_string());
  shape.group = args.integer("group");
  require(shape.group >= 1, ErrorCode::kInvalidArgument,
          "argument 'group' must be at least 1, found {}", shape.group);
  shape.window = given_window(args, shape.y, WindowUse::kConvolution);
  Window& window = shape.window;
  require(args.integer("legacy_pad") <= 1, ErrorCode::kInvalidArgument,
          "ConvTranspose takes no legacy_pad {}; give the pads", args.integer("legacy_pad"));
  require(window.dilation == std::array<int64_t, 3>{1, 1, 1}, ErrorCode::kInvalidArgument,
          "ConvTranspose takes no dilation");

  const ImageShape found = image_shape(filter, shape.order, "the filter");
  const ImageShape expected{
      .n = shape.y.c, .c = found.c, .size = window.kernel, .axes = shape.y.axes};
  require(expected.shape(shape.order) == filter, ErrorCode::kShapeMismatch,
          "the filter must have shape {} for X {} (with any number of channels out), found {}",
          expected.shape(shape.order).to_string(), x.to_string(), filter.to_string());
  require(shape.y.c % shape.group == 0, ErrorCode::kShapeMismatch,
          "{} channels in cannot be divided into {} groups", shape.y.c, shape.group);
  require(found.c > 0 && found.c <= (int64_t{1} << 40) / shape.group, ErrorCode::kShapeMismatch,
          "the filter {} in {} groups has no possible number of channels out", filter.to_string(),
          shape.group);

  std::array<int64_t, 3> adjust = {0, 0, 0};
  read_sizes(args, "adj", shape.y.axes, adjust);
  shape.x = {.n = shape.y.n, .c = found.c * shape.group, .axes = shape.y.axes};
  window.output = shape.y.size;
  for (int axis = first_axis(shape.y.axes); axis < 3; ++axis) {
    require(adjust[axis] >= 0 && adjust[axis] < window.stride[axis], ErrorCode::kInvalidArgument,
            "adj must be at least 0 and below the stride {}, found {}", window.stride[axis],
            adjust[axis]);
    require(shape.y.size[axis] > 0, ErrorCode::kShapeMismatch, "X {} has no pixels", x.to_string());
    int64_t size = 0;
    require(!__builtin_mul_overflow(shape.y.size[axis] - 1, window.stride[axis], &size) &&
                !__builtin_add_overflow(size, window.kernel[axis] + adjust[axis], &size) &&
                size >= window.pad_begin[axis] + window.pad_end[axis],
            ErrorCode::kShapeMismatch,
            "pads {} and {} leave nothing of an image of {} positions with stride {} and kernel {}",
            window.pad_begin[axis], window.pad_end[axis], shape.y.size[axis], window.stride[axis],
            window.kernel[axis]);
    shape.x.size[axis] = size - window.pad_begin[axis] - window.pad_end[axis];
  }
  return shape;
}

std::vector<TensorType> infer_transpose(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  require_same_type(context, 1, 0);
  const ConvShape shape = reversed_shape(context.args, context.shape(0), context.shape(1));
  if (context.inputs.size() > 2) {
    require(!context.args.flag("no_bias"), ErrorCode::kInvalidArgument,
            "no_bias: 1 contradicts the bias that is given");
    require_same_type(context, 2, 0);
    require_shape(context, 2, {shape.x.c}, "one bias per output channel");
  }
  return {{context.dtype(0), shape.x.shape(shape.order)}};
}

std::vector<TensorType> infer_transpose_gradient(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  const ConvShape shape = reversed_shape(context.args, context.shape(0), context.shape(1));
  return infer_conv_gradients(context, shape.order, shape.x);
}

OpSchema& declare_transpose(OpSchema& schema) {
  return declare_conv(schema)
      .differs(
          "A dilation and an `adj` that is not below the stride are errors; Caffe2 ignores the "
          "one and reads past its memory with the other.")
      .optional_arg("adj", ArgKind::kInt,
                    "more positions at the end of every spatial axis of Y, below the stride")
      .optional_arg("adj_h", ArgKind::kInt)
      .optional_arg("adj_w", ArgKind::kInt)
      .optional_arg("adjs", ArgKind::kInts, "one per spatial axis");
}

OpSchema transpose_schema() {
  OpSchema schema("ConvTranspose");
  schema
      .doc(
          "Transposed convolution: every element of X adds the filter times itself to Y, `stride` "
          "positions apart. The output has stride * (size - 1) + kernel + adj - pads positions per "
          "axis.")
      .differs("`no_bias: 1` beside a bias is an error; Caffe2 adds the bias.")
      .input("X", "image")
      .input("filter", "[in, out / group, kernel...]; order NHWC: [in, kernel..., out / group]")
      .optional_input("bias", "[out]")
      .output("Y", "image")
      .infer(infer_transpose)
      .cost([](const CostContext& context) {
        const ConvShape shape =
            reversed_shape(context.args, context.inputs[0].shape, context.inputs[1].shape);
        return Cost{2 * shape.macs(), context.operand_bytes()};
      })
      .layout(LayoutPolicy::kPrefers, {0}, {0})
      .gradient([](GradientContext& g) {
        const bool bias = g.inputs() > 2;
        std::vector<std::string> outputs = {g.din(1)};
        if (bias) outputs.push_back(g.din(2));
        if (!g.args().flag("no_gradient_to_input")) outputs.push_back(g.din(0));
        OperatorDef& gradient =
            g.op("ConvTransposeGradient", {g.in(0), g.in(1), g.dout(0)}, outputs);
        set_arg(gradient, "no_bias", int64_t{bias ? 0 : 1});
      });
  return declare_transpose(schema);
}
OpSchema transpose_gradient_schema() {
  OpSchema schema("ConvTransposeGradient");
  schema
      .doc(
          "Gradients of ConvTranspose: outputs (dfilter, dbias, dX), or (dfilter, dX) with "
          "no_bias.")
      .input("X")
      .input("filter")
      .input("dY")
      .output("dfilter")
      .optional_output("dbias", "with no_bias: dX")
      .optional_output("dX")
      .infer(infer_transpose_gradient)
      .cost([](const CostContext& context) {
        const ConvShape shape =
            reversed_shape(context.args, context.inputs[0].shape, context.inputs[1].shape);
        return Cost{4 * shape.macs(), context.operand_bytes()};
      })
      .layout(LayoutPolicy::kPrefers, {0, 2}, {1, 2})
      .no_gradient();
  return declare_transpose(schema);
}
const RegisterOperator conv_transpose(transpose_schema());
const RegisterOperator conv_transpose_gradient(transpose_gradient_schema());

/// Nothing to multiply: oneDNN is not asked.
bool is_empty(const ConvShape& shape) {
  return shape.x.shape(shape.order).numel() == 0 || shape.y.shape(shape.order).numel() == 0;
}

const RegisterCpuKernel transpose_cpu(
    "ConvTranspose", [](const PrepareContext& prepare) -> std::unique_ptr<Kernel> {
      require_float32(prepare, {0, 1});
      const ConvShape shape =
          reversed_shape(prepare.args, prepare.inputs[0].shape, prepare.inputs[1].shape);
      if (is_empty(shape)) {
        return make_kernel([](OpContext& context) {
          std::fill_n(context.output<float>(0), context.output_desc(0).shape.numel(), 0.0f);
        });
      }
      const bool last = are_channels_last(shape.order, {&prepare.inputs[0], &prepare.outputs[0]});
      const ConvBackwardData data({shape, last, prepare.width});
      const ChannelRows rows = ChannelRows::of(shape.x, last);
      const bool bias = prepare.inputs.size() > 2;
      return make_kernel(
          [data, rows, bias, width = prepare.width](OpContext& context) {
            float* y = context.output<float>(0);
            data.run(context.input<float>(1), context.input<float>(0), y, context.scratch);
            if (!bias) return;
            const float* b = context.input<float>(2);
            for_each_element(rows, width, [=](int64_t i, int64_t c) { y[i] += b[c]; });
          },
          data.scratch_bytes());
    });

class TransposeGradient final : public Kernel {
 public:
  TransposeGradient(const PrepareContext& prepare, const ConvProblem& problem)
      : dbias_(prepare.args.flag("no_bias") ? -1 : 1),
        dx_(dbias_ < 0 ? 1 : 2),
        bias_(ChannelRows::of(problem.shape.x, problem.channels_last), problem.width) {
    if (dbias_ >= 0 && !prepare.wants(dbias_)) dbias_ = -1;
    if (!prepare.wants(dx_)) dx_ = -1;
    if (dbias_ >= 0) scratch_ = bias_.scratch_bytes();
    if (is_empty(problem.shape)) return;
    if (prepare.wants(0)) filter_.emplace(problem, /*with_bias=*/false);
    if (dx_ >= 0) data_.emplace(problem, /*with_bias=*/false);
    if (filter_) scratch_ = std::max(scratch_, filter_->scratch_bytes());
    if (data_) scratch_ = std::max(scratch_, data_->scratch_bytes());
  }

  void launch(OpContext& op) const override {
    const float* x = op.input<float>(0);
    const float* dy = op.input<float>(2);
    if (float* dfilter = op.output<float>(0)) {
      if (filter_) {
        filter_->run(dy, x, dfilter, nullptr, op.scratch);
      } else {
        std::fill_n(dfilter, op.input_desc(1).shape.numel(), 0.0f);
      }
    }
    if (dbias_ >= 0) {
      float* dbias = op.output<float>(dbias_);
      bias_.run(
          op.scratch, [dy](int64_t i, int64_t) { return std::array{dy[i]}; },
          [dbias](int64_t c, const auto& sums) { dbias[c] = static_cast<float>(sums[0]); });
    }
    if (dx_ < 0) return;
    float* dx = op.output<float>(dx_);
    if (data_) {
      data_->run(dy, op.input<float>(1), nullptr, nullptr, dx, op.scratch);
    } else {
      std::fill_n(dx, op.input_desc(0).shape.numel(), 0.0f);
    }
  }
  size_t scratch_bytes() const override { return scratch_; }

 private:
  int dbias_;
  int dx_;
  ChannelSums<float, 1> bias_;
  std::optional<ConvBackwardFilter> filter_;
  std::optional<ConvForward> data_;
  size_t scratch_ = 0;
};

const RegisterCpuKernel transpose_gradient_cpu(
    "ConvTransposeGradient", [](const PrepareContext& prepare) -> std::unique_ptr<Kernel> {
      require_float32(prepare, {0, 1, 2});
      const ConvShape shape =
          reversed_shape(prepare.args, prepare.inputs[0].shape, prepare.inputs[1].shape);
      const bool last = are_channels_last(shape.order, {&prepare.inputs[0], &prepare.inputs[2]});
      return std::make_unique<TransposeGradient>(prepare, ConvProblem{shape, last, prepare.width});
    });

}  // namespace
}  // namespace headrace
