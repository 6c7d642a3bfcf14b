#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/image.h"
#include "operators/index_map.h"

namespace headrace {
namespace {

/// The axis of the channels.
int channel_axis(const Args& args, const Shape& shape) {
  return order_of(args) == Order::kNchw ? 1 : shape.rank() - 1;
}

std::vector<TensorType> infer_shuffle(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  const Shape& shape = context.shape(0);
  require(shape.rank() >= 2, ErrorCode::kShapeMismatch, "{}; it must have a batch and channels",
          describe_input(context, 0));
  const int64_t channels = shape[channel_axis(context.args, shape)];
  const int64_t groups = context.args.integer("group");
  require(groups >= 1 && channels % groups == 0, ErrorCode::kInvalidArgument,
          "{} channels cannot be divided into {} groups", channels, groups);
  return {context.inputs[0]};
}

OpSchema shuffle_schema(const char* type, const char* input, const char* output, const char* doc) {
  OpSchema schema(type);
  schema.doc(doc)
      .input(input)
      .output(output, std::string("as ") + input)
      .arg("group", 1, "how many groups the channels are in")
      .arg("order", "NCHW", "NCHW: axis 1 is the channels; NHWC: the last")
      .ignored_args({"kernel"})
      .infer(infer_shuffle)
      .layout(LayoutPolicy::kFollows);
  return schema;
}

const RegisterOperator channel_shuffle(
    shuffle_schema("ChannelShuffle", "X", "Y",
                   "The channels in another order: the first of each group, then the second of "
                   "each, and so on.")
        .gradient([](GradientContext& g) {
          g.op("ChannelShuffleGradient", {g.dout(0)}, {g.din(0)});
        }));
const RegisterOperator channel_shuffle_gradient(
    shuffle_schema("ChannelShuffleGradient", "dY", "dX", "The channels back in their own order.")
        .no_gradient());

template <bool kBack>
std::unique_ptr<Kernel> prepare_shuffle(const PrepareContext& prepare) {
  const TensorDesc& x = prepare.inputs[0];
  const int axis = channel_axis(prepare.args, x.shape);
  const int64_t channels = x.shape[axis], groups = prepare.args.integer("group");
  // Channel k of group g is number g * (channels / groups) + k before and k * groups + g after.
  const int64_t stride = channels / groups;
  const int64_t divisor = kBack ? stride : groups, factor = kBack ? groups : stride;
  const int64_t before = x.layout == Layout::kChannelsLast
                             ? x.shape.numel() / std::max<int64_t>(channels, 1)
                             : x.shape.product(0, axis);
  const int64_t after =
      x.layout == Layout::kChannelsLast ? 1 : x.shape.product(axis + 1, x.shape.rank());
  const IndexMap map = IndexMap::along(before, channels, channels, after);
  return dispatch(FloatTypes{}, x.dtype, [&]<typename T>() {
    return make_kernel(
        [map, divisor, factor, width = prepare.width](OpContext& context) {
          copy_along(map, width, context.scratch, context.input<T>(0), context.output<T>(0),
                     [&](int64_t c) { return c % divisor * factor + c / divisor; });
        },
        map.scratch_bytes());
  });
}
const RegisterCpuKernel shuffle_cpu("ChannelShuffle", prepare_shuffle<false>);
const RegisterCpuKernel shuffle_gradient_cpu("ChannelShuffleGradient", prepare_shuffle<true>);

}  // namespace
}  // namespace headrace
