#include "operators/softmax_loss.h"

#include "operators/axis.h"
#include "operators/checks.h"

namespace headrace {

OpSchema& declare_softmax_loss(OpSchema& schema) {
  return schema.arg("axis", 1, "the axes of the logits from this one on are the classes")
      .arg("label_prob", 0, "labels are a distribution over the classes per sample")
      .arg("scale", 1.0f, "multiplies the loss")
      .arg("average_by_batch_size", 0, "divide by the samples, not by the sum of their weights")
      .arg("order", "NCHW", "only \"NCHW\"")
      .ignored_args({"only_loss", "use_cudnn", "cudnn_exhaustive_search"});
}

SoftmaxLossShape softmax_loss_shape(const Args& args, const Shape& logits) {
  const int axis = axis_of(args, logits);
  return {.rows = logits.product(0, axis),
          .columns = logits.product(axis, logits.rank()),
          .probabilities = args.flag("label_prob"),
          .by_batch = args.flag("average_by_batch_size"),
          .scale = args.real("scale")};
}

SoftmaxLossShape check_softmax_loss(const InferContext& context, bool weighted) {
  require_type(context, 0, FloatTypes{});
  const SoftmaxLossShape shape = softmax_loss_shape(context.args, context.shape(0));
  require(shape.scale >= 0, ErrorCode::kInvalidArgument,
          "argument 'scale' must not be negative, found {}", shape.scale);
  require(context.args.text("order") == "NCHW", ErrorCode::kInvalidArgument,
          "argument 'order' must be \"NCHW\", found \"{}\"", context.args.text("order"));
  if (shape.probabilities) {
    require_same_type(context, 1, 0);
    require_same_shape(context, 1, 0);
  } else {
    require_type(context, 1, Types<int32_t, int64_t>{});
    require_count(context, 1, shape.rows);
  }
  if (weighted) {
    require_same_type(context, 2, 0);
    require_count(context, 2, shape.rows);
  }
  return shape;
}

}  // namespace headrace
