#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/axis.h"
#include "operators/checks.h"
#include "operators/group_statistics.h"
#include "operators/scratch.h"

namespace headrace {
namespace {

int layer_axis(const Args& args, const Shape& x) {
  require(x.rank() >= 2, ErrorCode::kShapeMismatch, "{} has fewer than 2 dimensions",
          x.to_string());
  require(args.real("epsilon") >= 0, ErrorCode::kInvalidArgument,
          "epsilon must not be negative, found {}", args.real("epsilon"));
  return axis_of(args, x);
}

/// Each row, the axes from `axis` on, is one group of channels of one pixel.
GroupShape layer_rows(const Args& args, const Shape& x) {
  const int axis = layer_axis(args, x);
  return {
      .samples = x.product(0, axis), .channels = x.product(axis, x.rank()), .channels_last = true};
}

Shape statistics_shape(const Args& args, const Shape& x) {
  const int axis = layer_axis(args, x);
  std::vector<int64_t> dims(x.begin(), x.begin() + axis);
  dims.push_back(1);
  return Shape(dims);
}

void require_affine(const InferContext& context, int first, int count, int x) {
  const int64_t channels = layer_rows(context.args, context.shape(x)).channels;
  for (int i = first; i < first + count; ++i) {
    require_same_type(context, i, x);
    require_count(context, i, channels);
  }
}

std::vector<TensorType> infer_layer(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  const bool affine = context.args.flag("elementwise_affine");
  require(!affine || context.inputs.size() == 3, ErrorCode::kInvalidNet,
          "with elementwise_affine: 1 LayerNorm needs gamma and beta");
  require(context.inputs.size() != 2, ErrorCode::kInvalidNet,
          "LayerNorm takes X, or X, gamma and beta; found 2 inputs");
  if (affine) require_affine(context, 1, 2, 0);
  const TensorType statistics{context.dtype(0), statistics_shape(context.args, context.shape(0))};
  return {context.inputs[0], statistics, statistics};
}

/// Inputs are dY, Y, the means, the deviations, X and gamma.
std::vector<TensorType> infer_layer_gradient(const InferContext& context) {
  require_type(context, 4, FloatTypes{});
  const Shape statistics = statistics_shape(context.args, context.shape(4));
  for (int i : {0, 1}) {
    require_same_type(context, i, 4);
    require_same_shape(context, i, 4);
  }
  for (int i : {2, 3}) {
    require_same_type(context, i, 4);
    require_shape(context, i, statistics, "one for each row");
  }
  const bool affine = context.args.flag("elementwise_affine");
  require(context.inputs.size() == (affine ? 6U : 5U) && context.outputs == (affine ? 3 : 1),
          ErrorCode::kInvalidNet,
          "LayerNormGradient takes gamma and gives its gradient and that of beta with "
          "elementwise_affine: 1 only; found {} inputs and {} outputs",
          context.inputs.size(), context.outputs);
  if (!affine) return {context.inputs[4]};
  require_affine(context, 5, 1, 4);
  return {context.inputs[4], context.inputs[5], context.inputs[5]};
}

OpSchema& declare_layer(OpSchema& schema) {
  return schema.arg("axis", 1, "the first of the axes that make up a row; negative from the end")
      .arg("epsilon", 1e-5f, "added to the variance")
      .arg("elementwise_affine", 0, "1: the result times gamma plus beta, element by element");
}

OpSchema layer_schema() {
  OpSchema schema("LayerNorm");
  schema
      .doc(
          "Each row, the axes from `axis` on, brought to mean 0 and variance 1 (Ba et al., Layer "
          "Normalization, 2016).")
      .input("X")
      .optional_input("gamma", "one for each element of a row, with elementwise_affine: 1")
      .optional_input("beta", "likewise")
      .output("Y", "as X")
      .output("mean", "the axes before `axis`, and one of one element")
      .output("deviation", "sqrt(variance + epsilon), of that shape")
      .infer(infer_layer)
      .cost([](const CostContext& context) {
        return Cost{8 * static_cast<double>(context.inputs[0].shape.numel()),
                    context.operand_bytes()};
      })
      .gradient([](GradientContext& g) {
        std::vector<std::string> inputs = {g.dout(0), g.out(0), g.out(1), g.out(2), g.in(0)};
        std::vector<std::string> outputs = {g.din(0)};
        if (g.args().flag("elementwise_affine")) {
          inputs.push_back(g.in(1));
          outputs.push_back(g.din(1));
          outputs.push_back(g.din(2));
        }
        g.op("LayerNormGradient", inputs, outputs);
      });
  return declare_layer(schema);
}
OpSchema layer_gradient_schema() {
  OpSchema schema("LayerNormGradient");
  schema.doc("Gradients of LayerNorm.")
      .input("dY")
      .input("Y")
      .input("mean")
      .input("deviation")
      .input("X")
      .optional_input("gamma")
      .output("dX")
      .optional_output("dgamma")
      .optional_output("dbeta", "gradient of beta, as it")
      .infer(infer_layer_gradient)
      .no_gradient();
  return declare_layer(schema);
}
const RegisterOperator layer_norm(layer_schema());
const RegisterOperator layer_norm_gradient(layer_gradient_schema());

const RegisterCpuKernel layer_norm_cpu("LayerNorm", [](const PrepareContext& prepare) {
  const GroupShape shape = layer_rows(prepare.args, prepare.inputs[0].shape);
  const double epsilon = prepare.args.real("epsilon");
  const bool affine = prepare.args.flag("elementwise_affine");
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel([=, width = prepare.width](OpContext& context) {
      T* means = context.output<T>(1);
      T* deviations = context.output<T>(2);
      normalize_groups(shape, width, epsilon, context.input<T>(0),
                       affine ? context.input<T>(1) : nullptr,
                       affine ? context.input<T>(2) : nullptr, context.output<T>(0),
                       [&](int64_t row, const GroupMoments& moments) {
                         if (means != nullptr) means[row] = static_cast<T>(moments.mean);
                         if (deviations != nullptr) {
                           deviations[row] = static_cast<T>(std::sqrt(moments.variance + epsilon));
                         }
                       });
    });
  });
});

const RegisterCpuKernel layer_norm_gradient_cpu(
    "LayerNormGradient", [](const PrepareContext& prepare) {
      const GroupShape shape = layer_rows(prepare.args, prepare.inputs[4].shape);
      const bool affine = prepare.inputs.size() > 5;
      return dispatch(FloatTypes{}, prepare.inputs[4].dtype, [&]<typename T>() {
        ScratchLayout layout;
        const size_t sums =
            layout.add(ChannelSums<T, 2>(shape.channel_rows(), prepare.width).scratch_bytes());
        const size_t inverse_at = layout.add(static_cast<size_t>(shape.samples) * sizeof(T));
        return make_kernel(
            [=, width = prepare.width](OpContext& context) {
              T* inverses = ScratchLayout::at<T>(context.scratch, inverse_at);
              const T* deviations = context.input<T>(3);
              for (int64_t row = 0; row < shape.samples; ++row) {
                inverses[row] = T{1} / deviations[row];
              }
              normalize_groups_gradient<T>(
                  shape, width, ScratchLayout::at(context.scratch, sums), context.input<T>(4),
                  context.input<T>(0), affine ? context.input<T>(5) : nullptr, context.input<T>(2),
                  inverses, context.output<T>(0), affine ? context.output<T>(1) : nullptr,
                  affine ? context.output<T>(2) : nullptr);
            },
            layout.bytes());
      });
    });

}  // namespace
}  // namespace headrace
