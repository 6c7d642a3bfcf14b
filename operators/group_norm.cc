// InstanceNorm and GroupNorm: images, normalised over the pixels of one or of several channels.

#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/group_statistics.h"
#include "operators/image.h"
#include "operators/scratch.h"

namespace headrace {
namespace {

float checked_epsilon(const Args& args) {
  const float epsilon = args.real("epsilon");
  require(epsilon >= 0, ErrorCode::kInvalidArgument, "epsilon must not be negative, found {}",
          epsilon);
  return epsilon;
}

/// `groups` 0: every channel is a group.
GroupShape image_groups(const Args& args, const Shape& x, int64_t groups, bool channels_last) {
  require(x.rank() >= 2, ErrorCode::kShapeMismatch, "{} has no batch and channels", x.to_string());
  const bool nhwc = order_of(args) == Order::kNhwc;
  const int64_t channels = nhwc ? x[x.rank() - 1] : x[1];
  if (groups == 0) groups = std::max<int64_t>(1, channels);
  require(groups >= 1 && channels % groups == 0, ErrorCode::kInvalidArgument,
          "{} channels cannot be divided into {} groups", channels, groups);
  return {.samples = x[0],
          .groups = groups,
          .channels = channels / groups,
          .pixels = nhwc ? x.product(1, x.rank() - 1) : x.product(2, x.rank()),
          .channels_last = nhwc || channels_last};
}

int64_t instance_groups(const Args&) { return 0; }
int64_t argument_groups(const Args& args) {
  const int64_t groups = args.integer("group");
  require(groups >= 1, ErrorCode::kInvalidArgument, "channels cannot be divided into {} groups",
          groups);
  return groups;
}
using GroupsFn = int64_t (*)(const Args&);

/// Checks X, gamma and beta at these inputs.
template <GroupsFn kGroups>
GroupShape checked_groups(const InferContext& context, int x, int gamma, int beta) {
  require_type(context, x, FloatTypes{});
  const GroupShape shape =
      image_groups(context.args, context.shape(x), kGroups(context.args), false);
  checked_epsilon(context.args);
  for (int i : {gamma, beta}) {
    require_same_type(context, i, x);
    require_shape(context, i, {shape.groups * shape.channels}, "one for each channel of X");
  }
  return shape;
}

template <GroupsFn kGroups>
std::vector<TensorType> infer_norm(const InferContext& context) {
  const GroupShape shape = checked_groups<kGroups>(context, 0, 1, 2);
  const TensorType statistics{context.dtype(0), Shape{shape.samples, shape.groups}};
  std::vector<TensorType> types = {context.inputs[0], statistics, statistics};
  types.resize(context.outputs);
  return types;
}

/// Outputs are Y, the means and the inverse deviations of all groups.
template <GroupsFn kGroups>
std::unique_ptr<Kernel> prepare_norm(const PrepareContext& prepare) {
  const GroupShape shape =
      image_groups(prepare.args, prepare.inputs[0].shape, kGroups(prepare.args),
                   prepare.inputs[0].layout == Layout::kChannelsLast);
  const double epsilon = checked_epsilon(prepare.args);
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel([shape, epsilon, width = prepare.width](OpContext& context) {
      T* means = context.outputs() > 1 ? context.output<T>(1) : nullptr;
      T* inverses = context.outputs() > 2 ? context.output<T>(2) : nullptr;
      normalize_groups(
          shape, width, epsilon, context.input<T>(0), context.input<T>(1), context.input<T>(2),
          context.output<T>(0), [&](int64_t group, const GroupMoments& moments) {
            if (means != nullptr) means[group] = static_cast<T>(moments.mean);
            if (inverses != nullptr) {
              inverses[group] = static_cast<T>(1 / std::sqrt(moments.variance + epsilon));
            }
          });
    });
  });
}

OpSchema& declare_norm(OpSchema& schema) {
  return schema.arg("epsilon", 1e-5f, "added to the variance")
      .arg("order", "NCHW", "NCHW: axis 1 is the channels; NHWC: the last");
}

OpSchema instance_norm_schema() {
  OpSchema schema("InstanceNorm");
  schema
      .doc(
          "Each channel of each image brought to mean 0 and variance 1 over its pixels, then times "
          "scale plus bias.")
      .input("X", "image")
      .input("scale", "one for each channel")
      .input("bias", "one for each channel")
      .output("Y")
      .optional_output("mean", "N x C")
      .optional_output("inverse_deviation", "N x C: 1 / sqrt(variance + epsilon)")
      .inplace(0, 0)
      .infer(infer_norm<instance_groups>)
      .cost([](const CostContext& context) {
        return Cost{8 * static_cast<double>(context.inputs[0].shape.numel()),
                    context.operand_bytes()};
      })
      .layout(LayoutPolicy::kFollows, {0}, {0})
      .gradient([](GradientContext& g) {
        std::vector<std::string> inputs = {g.in(0), g.in(1), g.in(2), g.dout(0)};
        for (int i = 1; i < g.outputs(); ++i) inputs.push_back(g.out(i));
        const std::string dx = g.din(0), dscale = g.din(1);
        g.op("InstanceNormGradient", inputs, {dx, dscale, g.din(2)});
      });
  return declare_norm(schema);
}

OpSchema instance_norm_gradient_schema() {
  OpSchema schema("InstanceNormGradient");
  schema.doc("Gradients of InstanceNorm; statistics that are not given are computed again.")
      .input("X")
      .input("scale")
      .input("bias")
      .input("dY")
      .optional_input("mean")
      .optional_input("inverse_deviation")
      .output("dX")
      .output("dscale")
      .output("dbias")
      .infer([](const InferContext& context) {
        const GroupShape shape = checked_groups<instance_groups>(context, 0, 1, 2);
        require_same_type(context, 3, 0);
        require_same_shape(context, 3, 0);
        for (int i = 4; i < static_cast<int>(context.inputs.size()); ++i) {
          require_same_type(context, i, 0);
          require_shape(context, i, {shape.samples, shape.groups}, "one for each channel");
        }
        return std::vector<TensorType>{context.inputs[0], context.inputs[1], context.inputs[2]};
      })
      .layout(LayoutPolicy::kFollows, {0, 3}, {0})
      .no_gradient();
  return declare_norm(schema);
}
const RegisterOperator instance_norm(instance_norm_schema());
const RegisterOperator instance_norm_gradient(instance_norm_gradient_schema());
const RegisterCpuKernel instance_norm_cpu("InstanceNorm", prepare_norm<instance_groups>);

const RegisterCpuKernel instance_norm_gradient_cpu(
    "InstanceNormGradient", [](const PrepareContext& prepare) {
      const GroupShape shape = image_groups(prepare.args, prepare.inputs[0].shape, 0,
                                            prepare.inputs[0].layout == Layout::kChannelsLast);
      const double epsilon = checked_epsilon(prepare.args);
      const bool given = prepare.inputs.size() > 5;
      return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
        ScratchLayout layout;
        const size_t count = static_cast<size_t>(shape.statistics());
        const size_t sums =
            layout.add(ChannelSums<T, 2>(shape.channel_rows(), prepare.width).scratch_bytes());
        const size_t mean_at = layout.add(count * sizeof(T));
        const size_t inverse_at = layout.add(count * sizeof(T));
        return make_kernel(
            [=, width = prepare.width](OpContext& context) {
              const T* x = context.input<T>(0);
              const T* means = given ? context.input<T>(4) : nullptr;
              const T* inverses = given ? context.input<T>(5) : nullptr;
              if (!given) {
                T* mean = ScratchLayout::at<T>(context.scratch, mean_at);
                T* inverse = ScratchLayout::at<T>(context.scratch, inverse_at);
                normalize_groups<T>(shape, width, epsilon, x, nullptr, nullptr, nullptr,
                                    [&](int64_t group, const GroupMoments& moments) {
                                      mean[group] = static_cast<T>(moments.mean);
                                      inverse[group] =
                                          static_cast<T>(1 / std::sqrt(moments.variance + epsilon));
                                    });
                means = mean;
                inverses = inverse;
              }
              normalize_groups_gradient(shape, width, ScratchLayout::at(context.scratch, sums), x,
                                        context.input<T>(3), context.input<T>(1), means, inverses,
                                        context.output<T>(0), context.output<T>(1),
                                        context.output<T>(2));
            },
            layout.bytes());
      });
    });

std::vector<TensorType> infer_group_norm(const InferContext& context) {
  const bool test = context.args.flag("is_test");
  require(context.outputs == 3 || (test && context.outputs == 1), ErrorCode::kInvalidNet,
          "GroupNorm has 3 outputs, or 1 with is_test: 1 (the default); found {}", context.outputs);
  return infer_norm<argument_groups>(context);
}

OpSchema& declare_group_norm(OpSchema& schema) {
  return declare_norm(schema)
      .arg("group", 32, "how many groups the channels are in")
      .arg("is_test", 1, "0: training, all three outputs are needed")
      .ignored_args({"use_cudnn", "cudnn_exhaustive_search"});
}
OpSchema group_norm_schema() {
  OpSchema schema("GroupNorm");
  schema
      .doc(
          "Each group of channels of each image brought to mean 0 and variance 1, then times gamma "
          "plus beta per channel (Wu and He, Group Normalization, 2018).")
      .input("X", "image")
      .input("gamma", "one for each channel")
      .input("beta", "one for each channel")
      .output("Y", "as X")
      .optional_output("mean", "N x groups")
      .optional_output("inverse_deviation", "N x groups: 1 / sqrt(variance + epsilon)")
      .infer(infer_group_norm)
      .cost([](const CostContext& context) {
        return Cost{8 * static_cast<double>(context.inputs[0].shape.numel()),
                    context.operand_bytes()};
      })
      .layout(LayoutPolicy::kFollows, {0}, {0})
      .gradient([](GradientContext& g) {
        require(g.outputs() == 3, ErrorCode::kInvalidNet,
                "the gradient of GroupNorm needs its outputs mean and inverse_deviation");
        const std::string dx = g.din(0), dgamma = g.din(1);
        g.op("GroupNormGradient", {g.dout(0), g.in(0), g.in(1), g.in(2), g.out(1), g.out(2)},
             {dx, dgamma, g.din(2)});
      });
  return declare_group_norm(schema);
}
OpSchema group_norm_gradient_schema() {
  OpSchema schema("GroupNormGradient");
  schema.doc("Gradients of GroupNorm.")
      .input("dY")
      .input("X")
      .input("gamma")
      .input("beta")
      .input("mean")
      .input("inverse_deviation")
      .output("dX")
      .output("dgamma")
      .output("dbeta")
      .infer([](const InferContext& context) {
        const GroupShape shape = checked_groups<argument_groups>(context, 1, 2, 3);
        require_same_type(context, 0, 1);
        require_same_shape(context, 0, 1);
        for (int i : {4, 5}) {
          require_same_type(context, i, 1);
          require_shape(context, i, {shape.samples, shape.groups}, "one for each group");
        }
        return std::vector<TensorType>{context.inputs[1], context.inputs[2], context.inputs[3]};
      })
      .layout(LayoutPolicy::kFollows, {0, 1}, {0})
      .no_gradient();
  return declare_group_norm(schema);
}
const RegisterOperator group_norm(group_norm_schema());
const RegisterOperator group_norm_gradient(group_norm_gradient_schema());
const RegisterCpuKernel group_norm_cpu("GroupNorm", prepare_norm<argument_groups>);
const RegisterCpuKernel group_norm_gradient_cpu(
    "GroupNormGradient", [](const PrepareContext& prepare) {
      const GroupShape shape =
          image_groups(prepare.args, prepare.inputs[1].shape, argument_groups(prepare.args),
                       prepare.inputs[1].layout == Layout::kChannelsLast);
      return dispatch(FloatTypes{}, prepare.inputs[1].dtype, [&]<typename T>() {
        return make_kernel(
            [shape, width = prepare.width](OpContext& context) {
              normalize_groups_gradient(
                  shape, width, context.scratch, context.input<T>(1), context.input<T>(0),
                  context.input<T>(2), context.input<T>(4), context.input<T>(5),
                  context.output<T>(0), context.output<T>(1), context.output<T>(2));
            },
            ChannelSums<T, 2>(shape.channel_rows(), prepare.width).scratch_bytes());
      });
    });

}  // namespace
}  // namespace headrace
