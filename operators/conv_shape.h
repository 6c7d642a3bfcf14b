#pragma once

#include <vector>

#include "core/op_schema.h"
#include "operators/image.h"
#include "operators/window.h"

namespace headrace {

/// Everything about a convolution but where its operands lie. The filter has shape
/// [out channels, in channels / group, kernel...] in order NCHW, [out channels, kernel...,
/// in channels / group] in order NHWC.
struct ConvShape {
  Order order = Order::kNchw;
  ImageShape x;
  ImageShape y;
  Window window;
  int64_t group = 1;

  /// Multiply-adds of the forward pass; both gradients need as many.
  double macs() const;
};

/// Declares the arguments of Conv and of its gradients.
OpSchema& declare_conv(OpSchema& schema);

/// Throws Error where arguments, X and filter do not fit together.
ConvShape conv_shape(const Args& args, const Shape& x, const Shape& filter);

/// Types of the gradients of (X, filter, dY), once `result`, the image that Y is, is known from the
/// first two: (dfilter, dbias, dX), or (dfilter, dX) with no_bias. Throws Error for anything else.
std::vector<TensorType> infer_conv_gradients(const InferContext& context, Order order,
                                             const ImageShape& result);

}  // namespace headrace
