#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/registry.h"
#include "operators/batch_norm.h"
#include "operators/channel_sums.h"
#include "operators/checks.h"
#include "operators/scratch.h"

namespace headrace {
namespace {

constexpr const char* kDoc =
    R"(Gradients of SpatialBN. With h = (X - mean) * inv_std and n elements per channel:
dbias = sum(dY), dscale = sum(dY * h), and in training
dX = scale * inv_std * (dY - dbias / n - h * dscale / n).
With is_test, inputs 3 and 4 are the running mean and variance, and dX = scale * inv_std * dY.
With the inputs sum_dscale and sum_dbias, dscale and dbias are those divided by num_batches.)";

std::vector<TensorType> infer_gradient(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  const BatchNormShape shape = batch_norm_shape(context.args, context.shape(0));
  const auto inputs = static_cast<int>(context.inputs.size());
  require_per_channel(context, 1, 2, shape);
  require_same_type(context, 2, 0);
  require_same_shape(context, 2, 0);
  require_per_channel(context, 3, inputs, shape);
  require(inputs != 6, ErrorCode::kInvalidNet,
          "sum_dscale and sum_dbias are given both or not at all");
  return {context.inputs[0], context.inputs[1], context.inputs[1]};
}

OpSchema gradient_schema() {
  OpSchema schema("SpatialBNGradient");
  schema.doc(kDoc)
      .differs("with an empty batch the sums of other devices still count; Caffe2 gives 0.")
      .input("X")
      .input("scale")
      .input("dY")
      .input("saved_mean")
      .input("saved_inv_std", "with is_test: the running variance")
      .optional_input("sum_dscale")
      .optional_input("sum_dbias")
      .output("dX")
      .output("dscale")
      .output("dbias")
      .inplace(2, 0)
      .inplace(5, 1)
      .inplace(6, 2)
      .infer(infer_gradient)
      .cost([](const CostContext& context) {
        const double bytes = static_cast<double>(context.inputs[0].bytes());
        return Cost{8 * static_cast<double>(context.inputs[0].shape.numel()),
                    context.operand_bytes() + 2 * bytes};
      })
      .layout(LayoutPolicy::kPrefers, {0, 2}, {0});
  return declare_batch_norm(schema);
}

const RegisterOperator gradient(gradient_schema());

template <typename T>
class SpatialBnGradientKernel final : public Kernel {
 public:
  explicit SpatialBnGradientKernel(const PrepareContext& context)
      : rows_(channel_rows(context, order_of(context.args),
                           {&context.inputs[0], &context.inputs[2], &context.outputs[0]})),
        width_(context.width),
        test_(context.args.flag("is_test")),
        given_sums_(context.inputs.size() > 5),
        epsilon_(context.args.real("epsilon")),
        batches_(static_cast<double>(context.args.integer("num_batches"))),
        needs_sums_(!given_sums_ && (!test_ || context.wants(1) || context.wants(2))),
        sums_(rows_, context.width) {
    const size_t bytes = static_cast<size_t>(rows_.channels) * sizeof(T);
    for (size_t& at : coefficients_at_) at = layout_.add(bytes);
    sums_at_ = layout_.add(needs_sums_ ? sums_.scratch_bytes() : 0);
  }

  void launch(OpContext& op) const override {
    Coefficients at = {op.input<T>(1),
                       op.input<T>(4),
                       op.output<T>(1),
                       op.output<T>(2),
                       ScratchLayout::at<T>(op.scratch, coefficients_at_[0]),
                       ScratchLayout::at<T>(op.scratch, coefficients_at_[1]),
                       ScratchLayout::at<T>(op.scratch, coefficients_at_[2])};
    const T* x = op.input<T>(0);
    const T* dy = op.input<T>(2);
    const T* mean = op.input<T>(3);
    if (needs_sums_) {
      sums_.run(
          ScratchLayout::at(op.scratch, sums_at_),
          [=](int64_t i, int64_t c) {
            return std::array{dy[i], dy[i] * (x[i] - mean[c])};
          },
          [&](int64_t c, const auto& sums) { finish(at, c, sums[0], sums[1] * inv_std(at, c)); });
    } else {
      for (int64_t c = 0; c < rows_.channels; ++c) {
        finish(at, c, given_sums_ ? op.input<T>(6)[c] / batches_ : 0.0,
               given_sums_ ? op.input<T>(5)[c] / batches_ : 0.0);
      }
    }
    T* dx = op.output<T>(0);
    if (dx == nullptr) return;
    const T *factor = at.factor, *constant = at.constant, *slope = at.slope;
    if (test_) {
      for_each_element(rows_, width_, [=](int64_t i, int64_t c) { dx[i] = dy[i] * factor[c]; });
    } else {
      for_each_element(rows_, width_, [=](int64_t i, int64_t c) {
        dx[i] = factor[c] * (dy[i] - constant[c] - (x[i] - mean[c]) * slope[c]);
      });
    }
  }

  size_t scratch_bytes() const override { return layout_.bytes(); }

 private:
  /// dX = factor * (dY - constant - (X - mean) * slope)
  struct Coefficients {
    const T* scale;
    const T* statistic;  // inv_std, or the running variance
    T* dscale;
    T* dbias;
    T* factor;
    T* constant;
    T* slope;
  };

  double inv_std(const Coefficients& at, int64_t c) const {
    const double statistic = at.statistic[c];
    return test_ ? 1 / std::sqrt(statistic + epsilon_) : statistic;
  }

  void finish(const Coefficients& at, int64_t c, double dbias, double dscale) const {
    const double inv = inv_std(at, c), count = static_cast<double>(rows_.per_channel());
    at.factor[c] = static_cast<T>(at.scale[c] * inv);
    at.constant[c] = static_cast<T>(dbias / count);
    at.slope[c] = static_cast<T>(dscale * inv / count);
    if (at.dscale != nullptr) at.dscale[c] = static_cast<T>(dscale);
    if (at.dbias != nullptr) at.dbias[c] = static_cast<T>(dbias);
  }

  ChannelRows rows_;
  int width_;
  bool test_;
  bool given_sums_;
  double epsilon_;
  double batches_;
  bool needs_sums_;
  ChannelSums<T, 2> sums_;
  ScratchLayout layout_;
  std::array<size_t, 3> coefficients_at_;
  size_t sums_at_;
};

const RegisterCpuKernel gradient_cpu("SpatialBNGradient", [](const PrepareContext& context) {
  return dispatch(FloatTypes{}, context.inputs[0].dtype,
                  [&]<typename T>() -> std::unique_ptr<Kernel> {
                    return std::make_unique<SpatialBnGradientKernel<T>>(context);
                  });
});

}  // namespace
}  // namespace headrace
