#pragma once

#include "core/kernel.h"
#include "operators/channels.h"

namespace headrace {

/// What SpatialBN and its gradient share.
struct BatchNormShape {
  Order order = Order::kNchw;
  int64_t channels = 0;
  int64_t per_channel = 0;  // elements of X per channel
};

/// Declares the arguments of SpatialBN and of its gradient.
OpSchema& declare_batch_norm(OpSchema& schema);

/// Throws Error unless X has at least a batch and a channel axis.
BatchNormShape batch_norm_shape(const Args& args, const Shape& x);

/// Checks that inputs [first, last) have one element per channel and the type of X.
void require_per_channel(const InferContext& context, int first, int last,
                         const BatchNormShape& shape);

/// How the elements of the image operands belong to channels.
ChannelRows channel_rows(const PrepareContext& context, Order order,
                         std::initializer_list<const TensorDesc*> images);

}  // namespace headrace
