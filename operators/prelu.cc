#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/channel_sums.h"
#include "operators/checks.h"
#include "operators/image.h"

namespace headrace {
namespace {

/// The slope of X's channels: one for all, or one for each.
int64_t require_slope(const InferContext& context, int x, int slope) {
  const Shape& shape = context.shape(x);
  require_type(context, x, FloatTypes{});
  require_same_type(context, slope, x);
  const int64_t count = context.shape(slope).numel();
  if (count == 1) return 1;
  require(shape.rank() >= 2, ErrorCode::kShapeMismatch,
          "{}; with more than one slope it needs a batch and channels", describe_input(context, x));
  const int axis = order_of(context.args) == Order::kNchw ? 1 : shape.rank() - 1;
  require(count == shape[axis], ErrorCode::kShapeMismatch,
          "{}; it must have 1 element or one for each of the {} channels of X",
          describe_input(context, slope), shape[axis]);
  return count;
}

std::vector<TensorType> infer_prelu(const InferContext& context) {
  require_slope(context, 0, 1);
  return {context.inputs[0]};
}

std::vector<TensorType> infer_prelu_gradient(const InferContext& context) {
  require_slope(context, 2, 3);
  for (int i : {0, 1}) {
    require_same_type(context, i, 2);
    require_same_shape(context, i, 2);
  }
  return {context.inputs[2], context.inputs[3]};
}

/// X by channels; a single channel where there is but one slope.
ChannelRows rows_of(const PrepareContext& prepare, const TensorDesc& x, int64_t slopes) {
  if (slopes == 1) {
    const int64_t count = x.shape.numel();
    const int64_t rows = x.shape.rank() > 0 ? x.shape[0] : 1;
    return count == 0 ? ChannelRows{0, 1, 1} : ChannelRows{rows, 1, count / rows};
  }
  return ChannelRows::of(x.shape, order_of(prepare.args), x.layout == Layout::kChannelsLast);
}

Cost two_flops_per_element(const CostContext& context) {
  return {2 * static_cast<double>(context.outputs[0].shape.numel()), context.operand_bytes()};
}

const RegisterOperator prelu(
    OpSchema("PRelu")
        .doc("Y = X where X > 0, slope * X elsewhere.")
        .input("X")
        .input("slope", "one element, or one for each channel")
        .output("Y")
        .arg("order", "NCHW", "NCHW: axis 1 is the channels; NHWC: the last")
        .inplace(0, 0)
        .infer(infer_prelu)
        .cost(two_flops_per_element)
        .layout(LayoutPolicy::kFollows, {0}, {0})
        .gradient([](GradientContext& g) {
          std::vector<std::string> inputs = {g.out(0), g.dout(0), g.in(0), g.in(1)};
          std::string dx = g.din(0);
          g.op("PReluGradient", inputs, {dx, g.din(1)});
        }));

const RegisterOperator prelu_gradient(
    OpSchema("PReluGradient")
        .doc("dX = dY where X > 0, slope * dY elsewhere; dslope = the sum of X * dY where X <= 0.")
        .input("Y")
        .input("dY")
        .input("X")
        .input("slope")
        .output("dX")
        .output("dslope")
        .arg("order", "NCHW", "NCHW: axis 1 is the channels; NHWC: the last")
        .inplace(1, 0)
        .infer(infer_prelu_gradient)
        .cost(two_flops_per_element)
        .layout(LayoutPolicy::kFollows, {0, 1, 2}, {0})
        .no_gradient());

const RegisterCpuKernel prelu_cpu("PRelu", [](const PrepareContext& prepare) {
  ChannelRows rows = rows_of(prepare, prepare.inputs[0], prepare.inputs[1].shape.numel());
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel([rows, width = prepare.width](OpContext& context) {
      const T* x = context.input<T>(0);
      const T* slope = context.input<T>(1);
      T* y = context.output<T>(0);
      for_each_element(rows, width,
                       [=](int64_t i, int64_t c) { y[i] = x[i] > 0 ? x[i] : slope[c] * x[i]; });
    });
  });
});

const RegisterCpuKernel prelu_gradient_cpu("PReluGradient", [](const PrepareContext& prepare) {
  ChannelRows rows = rows_of(prepare, prepare.inputs[2], prepare.inputs[3].shape.numel());
  return dispatch(FloatTypes{}, prepare.inputs[2].dtype, [&]<typename T>() {
    ChannelSums<T, 1> sums(rows, prepare.width);
    return make_kernel(
        [rows, sums, width = prepare.width](OpContext& context) {
          const T* dy = context.input<T>(1);
          const T* x = context.input<T>(2);
          const T* slope = context.input<T>(3);
          // The slope first: dX may lie in the storage of dY.
          if (T* dslope = context.output<T>(1)) {
            sums.run(
                context.scratch,
                [=](int64_t i, int64_t) {
                  // A choice of factors, not of terms: GCC 12 drops terms of a chosen sum.
                  const T low = x[i] > 0 ? T{0} : x[i];
                  return std::array<T, 1>{low * dy[i]};
                },
                [=](int64_t c, const auto& sum) { dslope[c] = static_cast<T>(sum[0]); });
          }
          T* dx = context.output<T>(0);
          if (dx == nullptr) return;
          for_each_element(rows, width, [=](int64_t i, int64_t c) {
            dx[i] = x[i] > 0 ? dy[i] : slope[c] * dy[i];
          });
        },
        sums.scratch_bytes());
  });
});

}  // namespace
}  // namespace headrace
