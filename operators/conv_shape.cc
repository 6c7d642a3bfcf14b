#include "operators/conv_shape.h"

#include "core/error.h"
#include "operators/checks.h"

namespace headrace {

double ConvShape::macs() const {
  const int64_t channels = x.c / group;
  return static_cast<double>(y.n) * static_cast<double>(y.pixels()) * static_cast<double>(y.c) *
         static_cast<double>(channels) * static_cast<double>(window.taps());
}

OpSchema& declare_conv(OpSchema& schema) {
  return declare_window(schema, WindowUse::kConvolution)
      .arg("group", 1, "channels are convolved in this many independent groups")
      .arg("no_bias", 0, "says to ConvGradient that there is no bias; Conv sees it from its inputs")
      .arg("no_gradient_to_input", 0, "the gradient of X is not made");
}

ConvShape conv_shape(const Args& args, const Shape& x, const Shape& filter) {
  ConvShape shape;
  shape.order = order_of(args);
  shape.x = image_shape(x, shape.order, "X");
  require(filter.rank() == x.rank(), ErrorCode::kShapeMismatch,
          "the filter must have as many dimensions as X {}, found {}", x.to_string(),
          filter.to_string());
  shape.window = window_of(args, shape.x, WindowUse::kConvolution);
  for (int64_t pad : shape.window.pad_begin) {
    require(
        pad >= 0, ErrorCode::kUnsupported,
        "legacy_pad 2 with a stride above the kernel size would leave out the first {} elements "
        "of an axis; give the pads instead",
        -pad);
  }
  shape.group = args.integer("group");
  require(shape.group >= 1, ErrorCode::kInvalidArgument,
          "argument 'group' must be at least 1, found {}", shape.group);

  // The filter is an image too: out channels stand for the batch.
  const ImageShape found = image_shape(filter, shape.order, "the filter");
  require(shape.x.c % shape.group == 0 && found.n % shape.group == 0, ErrorCode::kShapeMismatch,
          "{} channels in and {} out cannot be divided into {} groups", shape.x.c, found.n,
          shape.group);
  require(shape.x.c > 0, ErrorCode::kShapeMismatch, "X {} has no channels", x.to_string());
  require(found.n > 0, ErrorCode::kShapeMismatch, "the filter {} has no output channels",
          filter.to_string());
  ImageShape expected{.n = found.n,
                      .c = shape.x.c / shape.group,
                      .size = shape.window.kernel,
                      .axes = shape.x.axes};
  require(expected.shape(shape.order) == filter, ErrorCode::kShapeMismatch,
          "the filter must have shape {} for X {} in {} group(s), found {}",
          expected.shape(shape.order).to_string(), x.to_string(), shape.group, filter.to_string());
  shape.y = {.n = shape.x.n, .c = found.n, .size = shape.window.output, .axes = shape.x.axes};
  return shape;
}

std::vector<TensorType> infer_conv_gradients(const InferContext& context, Order order,
                                             const ImageShape& result) {
  require_same_type(context, 1, 0);
  require_same_type(context, 2, 0);
  require_shape(context, 2, result.shape(order), "that of the result of the convolution");
  const bool no_bias = context.args.flag("no_bias");
  require(context.outputs <= (no_bias ? 2 : 3), ErrorCode::kInvalidNet,
          "with no_bias there is no gradient of a bias: the outputs are (dfilter, dX), found {}",
          context.outputs);
  std::vector<TensorType> types = {context.inputs[1]};
  if (!no_bias) types.push_back({context.dtype(0), Shape{result.c}});
  types.push_back(context.inputs[0]);
  types.resize(context.outputs);
  return types;
}

}  // namespace headrace
