#include "operators/batch_norm.h"

#include "core/error.h"
#include "operators/checks.h"

namespace headrace {

OpSchema& declare_batch_norm(OpSchema& schema) {
  return schema.required_arg("is_test", ArgKind::kInt, "1: normalise with the running statistics")
      .arg("epsilon", 1e-5f, "added to the variance")
      .arg("momentum", 0.9f, "running = momentum * running + (1 - momentum) * batch")
      .arg("order", "NCHW", "\"NCHW\" or \"NHWC\"")
      .arg("num_batches", 1, "batches that the sums were taken over, where they are inputs")
      .ignored_args({"use_cudnn", "cudnn_exhaustive_search"});
}

BatchNormShape batch_norm_shape(const Args& args, const Shape& x) {
  const Order order = order_of(args);
  require(x.rank() >= 2, ErrorCode::kShapeMismatch,
          "X must have a batch and a channel axis, found shape {}", x.to_string());
  const ChannelRows rows = ChannelRows::of(x, order, false);
  return {order, rows.channels, rows.per_channel()};
}

void require_per_channel(const InferContext& context, int first, int last,
                         const BatchNormShape& shape) {
  for (int i = first; i < last; ++i) {
    require_same_type(context, i, 0);
    require_shape(context, i, {shape.channels}, "one element per channel of X");
  }
}

ChannelRows channel_rows(const PrepareContext& context, Order order,
                         std::initializer_list<const TensorDesc*> images) {
  const Shape& x = context.inputs[0].shape;
  return ChannelRows::of(x, order, are_channels_last(order, images));
}

}  // namespace headrace
