#pragma once

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

}  // namespace headrace
