// Sums per channel that devices add up for batch normalization over all of them: ChannelStats and
// ChannelBackpropStats.

#include "core/error.h"
#include "core/registry.h"
#include "operators/channel_sums.h"
#include "operators/checks.h"
#include "operators/image.h"

namespace headrace {
namespace {

int64_t channels_of(const InferContext& context, int x) {
  const Shape& shape = context.shape(x);
  require(shape.rank() >= 2, ErrorCode::kShapeMismatch, "{}; it must have a batch and channels",
          describe_input(context, x));
  return shape[order_of(context.args) == Order::kNchw ? 1 : shape.rank() - 1];
}

OpSchema stats_schema(const char* type, const char* doc) {
  OpSchema schema(type);
  schema.doc(doc)
      .arg("order", "NCHW", "NCHW: axis 1 is the channels; NHWC: the last")
      .cost([](const CostContext& context) {
        return Cost{4 * static_cast<double>(context.inputs[0].shape.numel()),
                    context.operand_bytes()};
      })
      .no_gradient();
  return schema;
}

const RegisterOperator channel_stats(
    stats_schema("ChannelStats", "Sums of the elements of each channel, and of their squares.")
        .input("X", "image")
        .output("sum", "one for each channel")
        .output("square_sum", "one for each channel")
        .layout(LayoutPolicy::kFollows, {0})
        .infer([](const InferContext& context) {
          require_type(context, 0, FloatTypes{});
          const TensorType sums{context.dtype(0), Shape{channels_of(context, 0)}};
          return std::vector<TensorType>{sums, sums};
        }));
const RegisterOperator channel_backprop_stats(
    stats_schema(
        "ChannelBackpropStats",
        "Gradients of scale and bias of a batch normalization: the sums of dY * (X - mean) "
        "* inverse deviation and of dY.")
        .input("X", "image")
        .differs("`order` is respected; Caffe2 takes every image for NCHW.")
        .input("mean", "one for each channel")
        .input("inverse_deviation", "one for each channel")
        .input("dY", "of the shape of X")
        .output("dscale", "one for each channel")
        .output("dbias", "one for each channel")
        .layout(LayoutPolicy::kFollows, {0, 3})
        .infer([](const InferContext& context) {
          require_type(context, 0, FloatTypes{});
          const TensorType sums{context.dtype(0), Shape{channels_of(context, 0)}};
          for (int i : {1, 2}) {
            require_same_type(context, i, 0);
            require_shape(context, i, *sums.shape, "one for each channel of X");
          }
          require_same_type(context, 3, 0);
          require_same_shape(context, 3, 0);
          return std::vector<TensorType>{sums, sums};
        }));

ChannelRows rows_of(const PrepareContext& prepare) {
  const TensorDesc& x = prepare.inputs[0];
  return ChannelRows::of(x.shape, order_of(prepare.args), x.layout == Layout::kChannelsLast);
}

/// Both sums of terms(element, channel) into the outputs.
template <typename T, typename Terms>
void put_sums(const ChannelSums<T, 2>& sums, OpContext& context, Terms terms) {
  T* first = context.output<T>(0);
  T* second = context.output<T>(1);
  sums.run(context.scratch, terms, [=](int64_t c, const auto& sum) {
    if (first != nullptr) first[c] = static_cast<T>(sum[0]);
    if (second != nullptr) second[c] = static_cast<T>(sum[1]);
  });
}

const RegisterCpuKernel channel_stats_cpu("ChannelStats", [](const PrepareContext& prepare) {
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    ChannelSums<T, 2> sums(rows_of(prepare), prepare.width);
    return make_kernel(
        [sums](OpContext& context) {
          const T* x = context.input<T>(0);
          put_sums(sums, context, [x](int64_t i, int64_t) {
            return std::array<T, 2>{x[i], x[i] * x[i]};
          });
        },
        sums.scratch_bytes());
  });
});
const RegisterCpuKernel channel_backprop_stats_cpu(
    "ChannelBackpropStats", [](const PrepareContext& prepare) {
      return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
        ChannelSums<T, 2> sums(rows_of(prepare), prepare.width);
        return make_kernel(
            [sums](OpContext& context) {
              const T* x = context.input<T>(0);
              const T* mean = context.input<T>(1);
              const T* inverse = context.input<T>(2);
              const T* dy = context.input<T>(3);
              put_sums(sums, context, [=](int64_t i, int64_t c) {
                return std::array<T, 2>{dy[i] * (x[i] - mean[c]) * inverse[c], dy[i]};
              });
            },
            sums.scratch_bytes());
      });
    });

}  // namespace
}  // namespace headrace
