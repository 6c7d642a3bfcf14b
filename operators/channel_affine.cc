// A factor and a term per channel: AffineChannel, ElementwiseLinear.

#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/axis.h"
#include "operators/channel_sums.h"
#include "operators/checks.h"
#include "operators/image.h"

namespace headrace {
namespace {

Cost two_flops_per_element(const CostContext& context) {
  return {2 * static_cast<double>(context.inputs[0].shape.numel()), context.operand_bytes()};
}

// How many channels X has, and how its elements belong to them.

int64_t image_channels(const InferContext& context, int x) {
  const Shape& shape = context.shape(x);
  require(shape.rank() >= 2, ErrorCode::kShapeMismatch, "{}; it must have a batch and channels",
          describe_input(context, x));
  return shape[order_of(context.args) == Order::kNchw ? 1 : shape.rank() - 1];
}
ChannelRows image_rows(const Args& args, const TensorDesc& x) {
  return ChannelRows::of(x.shape, order_of(args), x.layout == Layout::kChannelsLast);
}

int64_t linear_channels(const InferContext& context, int x) {
  const Shape& shape = context.shape(x);
  return shape.product(axis_of(context.args, shape), shape.rank());
}
ChannelRows linear_rows(const Args& args, const TensorDesc& x) {
  const int axis = axis_of(args, x.shape);
  return {x.shape.product(0, axis), x.shape.product(axis, x.shape.rank()), 1};
}

using ChannelsFn = int64_t (*)(const InferContext&, int);
using RowsFn = ChannelRows (*)(const Args&, const TensorDesc&);

template <ChannelsFn kChannels>
std::vector<TensorType> infer_affine(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  for (int i : {1, 2}) {
    require_same_type(context, i, 0);
    require_shape(context, i, {kChannels(context, 0)}, "one for each channel of X");
  }
  return {context.inputs[0]};
}

/// Inputs are dY, X and the factors; or dY and the factors, where only dX is asked for.
template <ChannelsFn kChannels>
std::vector<TensorType> infer_affine_gradient(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  const int factors = static_cast<int>(context.inputs.size()) - 1;
  for (int i = 1; i <= factors; ++i) require_same_type(context, i, 0);
  require_shape(context, factors, {kChannels(context, 0)}, "one for each channel of X");
  if (factors == 2) require_same_shape(context, 1, 0);
  require(context.outputs == (factors == 2 ? 3 : 1), ErrorCode::kInvalidNet,
          "gradients of the factors need X; found {} inputs and {} outputs", context.inputs.size(),
          context.outputs);
  std::vector<TensorType> types = {context.inputs[0], context.inputs[factors],
                                   context.inputs[factors]};
  types.resize(context.outputs);
  return types;
}

template <RowsFn kRows>
std::unique_ptr<Kernel> prepare_affine(const PrepareContext& prepare) {
  const ChannelRows rows = kRows(prepare.args, prepare.inputs[0]);
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel([rows, width = prepare.width](OpContext& context) {
      const T* x = context.input<T>(0);
      const T* factor = context.input<T>(1);
      const T* term = context.input<T>(2);
      T* y = context.output<T>(0);
      for_each_element(rows, width,
                       [=](int64_t i, int64_t c) { y[i] = x[i] * factor[c] + term[c]; });
    });
  });
}

template <RowsFn kRows>
std::unique_ptr<Kernel> prepare_affine_gradient(const PrepareContext& prepare) {
  const ChannelRows rows = kRows(prepare.args, prepare.inputs[0]);
  const int factors = static_cast<int>(prepare.inputs.size()) - 1;
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    ChannelSums<T, 2> sums(rows, prepare.width);
    return make_kernel(
        [rows, sums, factors, width = prepare.width](OpContext& context) {
          const T* dy = context.input<T>(0);
          const T* factor = context.input<T>(factors);
          // The sums first: dX may lie in the storage of dY.
          if (factors == 2) {
            const T* x = context.input<T>(1);
            T* dfactor = context.output<T>(1);
            T* dterm = context.output<T>(2);
            sums.run(
                context.scratch,
                [=](int64_t i, int64_t) {
                  return std::array<T, 2>{dy[i] * x[i], dy[i]};
                },
                [=](int64_t c, const auto& sum) {
                  if (dfactor != nullptr) dfactor[c] = static_cast<T>(sum[0]);
                  if (dterm != nullptr) dterm[c] = static_cast<T>(sum[1]);
                });
          }
          T* dx = context.output<T>(0);
          if (dx == nullptr) return;
          for_each_element(rows, width, [=](int64_t i, int64_t c) { dx[i] = dy[i] * factor[c]; });
        },
        sums.scratch_bytes());
  });
}

OpSchema affine_channel_schema() {
  OpSchema schema("AffineChannel");
  schema.doc("Y = X * scale + bias, per channel.")
      .input("X", "image")
      .input("scale", "one for each channel")
      .input("bias", "one for each channel")
      .output("Y")
      .arg("order", "NCHW", "NCHW: axis 1 is the channels; NHWC: the last")
      .arg("is_learnable", 0, "1: scale and bias have gradients")
      .inplace(0, 0)
      .infer(infer_affine<image_channels>)
      .cost(two_flops_per_element)
      .layout(LayoutPolicy::kFollows, {0}, {0})
      .gradient([](GradientContext& g) {
        const std::string dx = g.din(0);
        if (!g.args().flag("is_learnable")) {
          g.op("AffineChannelGradient", {g.dout(0), g.in(1)}, {dx});
          return;
        }
        const std::string dscale = g.din(1);
        g.op("AffineChannelGradient", {g.dout(0), g.in(0), g.in(1)}, {dx, dscale, g.din(2)});
      });
  return schema;
}
const RegisterOperator affine_channel(affine_channel_schema());
const RegisterOperator affine_channel_gradient(
    OpSchema("AffineChannelGradient")
        .doc("dX = dY * scale; and, from inputs (dY, X, scale), dscale and dbias.")
        .input("dY")
        .input("X or scale")
        .optional_input("scale")
        .output("dX")
        .optional_output("dscale")
        .optional_output("dbias", "gradient of bias, as it")
        .arg("order", "NCHW", "NCHW: axis 1 is the channels; NHWC: the last")
        .arg("is_learnable", 0, "1: scale and bias have gradients")
        .inplace(0, 0)
        .infer(infer_affine_gradient<image_channels>)
        .cost(two_flops_per_element)
        .no_gradient());
const RegisterCpuKernel affine_channel_cpu("AffineChannel", prepare_affine<image_rows>);
const RegisterCpuKernel affine_channel_gradient_cpu("AffineChannelGradient",
                                                    prepare_affine_gradient<image_rows>);

const RegisterOperator elementwise_linear(
    OpSchema("ElementwiseLinear")
        .doc("Y = X * w + b, where w and b have one element for each of the axes of X from `axis` "
             "on and are the same for all before.")
        .input("X")
        .input("w", "a vector")
        .input("b", "a vector")
        .output("Y", "as X")
        .arg("axis", 1, "negative from the end")
        .infer(infer_affine<linear_channels>)
        .cost(two_flops_per_element)
        .gradient([](GradientContext& g) {
          const std::string dx = g.din(0), dw = g.din(1);
          g.op("ElementwiseLinearGradient", {g.dout(0), g.in(0), g.in(1)}, {dx, dw, g.din(2)});
        }));
const RegisterOperator elementwise_linear_gradient(
    OpSchema("ElementwiseLinearGradient")
        .doc("dX = dY * w; dw = the sums of dY * X, db = those of dY.")
        .input("dY")
        .input("X")
        .input("w")
        .output("dX")
        .output("dw")
        .output("db", "gradient of b, as it")
        .arg("axis", 1, "negative from the end")
        .infer(infer_affine_gradient<linear_channels>)
        .cost(two_flops_per_element)
        .no_gradient());
const RegisterCpuKernel elementwise_linear_cpu("ElementwiseLinear", prepare_affine<linear_rows>);
const RegisterCpuKernel elementwise_linear_gradient_cpu("ElementwiseLinearGradient",
                                                        prepare_affine_gradient<linear_rows>);

}  // namespace
}  // namespace headrace
