#pragma once

#include "net_builders/net.h"

namespace headrace::resnet {

// Residual networks: He et al., "Deep residual learning for image recognition" (2016), as trained
// by Goyal et al. (2017): where a block strides, its 3x3 convolution does; a shortcut is a 1x1
// convolution only where it has to be; the last normalisation of a block starts with gamma = 0, so
// that every block starts as its shortcut; convolutions have no bias.

/// A convolution that keeps the size (but for its stride), and its normalisation.
Value conv_bn(const Value& x, int filters, int kernel, int stride, float gamma = 1);

/// Two 3x3 convolutions, to `width` channels.
Value basic_block(const Value& x, int width, int stride);
/// 1x1, 3x3, 1x1, to 4 * `width` channels.
Value bottleneck_block(const Value& x, int width, int stride);

using Block = Value (*)(const Value& x, int width, int stride);

/// `count` blocks in scopes NAME_1, NAME_2, ...; the first one strides.
Value stage(const Value& x, const char* name, Block block, int width, int count, int stride);

/// Mean over the image and the classifier, N(0, 0.01).
Value head(const Value& x, int classes);

}  // namespace headrace::resnet
