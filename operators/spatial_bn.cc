#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/batch_norm.h"
#include "operators/channel_sums.h"
#include "operators/checks.h"
#include "operators/scratch.h"

namespace headrace {
namespace {

constexpr const char* kDoc = R"(Normalises each channel (Ioffe and Szegedy, 2015):
Y = scale * (X - mean) / sqrt(variance + epsilon) + bias.

With is_test, mean and variance are the running ones and Y is the only output. In training they are
those of the batch (the biased variance), and there are five outputs: the running statistics,
updated in place with the unbiased variance n / (n - 1), and what the gradient needs, the mean and
1 / sqrt(variance + epsilon). With the inputs sums and sumsq the statistics are those of
num_batches batches, of which X is one.)";

bool is_test(const Args& args) { return args.flag("is_test"); }

std::vector<TensorType> infer_spatial_bn(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  const BatchNormShape shape = batch_norm_shape(context.args, context.shape(0));
  const auto inputs = static_cast<int>(context.inputs.size());
  require_per_channel(context, 1, inputs, shape);
  require(inputs != 6, ErrorCode::kInvalidNet, "sums and sumsq are given both or not at all");
  const int64_t batches = context.args.integer("num_batches");
  require(batches >= 1, ErrorCode::kInvalidArgument,
          "argument 'num_batches' must be at least 1, found {}", batches);
  require(batches == 1 || inputs == 7, ErrorCode::kInvalidNet,
          "num_batches {} needs the inputs sums and sumsq", batches);
  if (is_test(context.args)) {
    require(context.outputs == 1, ErrorCode::kInvalidNet,
            "with is_test the only output is Y, found {} outputs", context.outputs);
  } else {
    require(context.outputs == 5, ErrorCode::kInvalidNet,
            "training needs the outputs (Y, mean, var, saved_mean, saved_inv_std), found {}",
            context.outputs);
    require(shape.per_channel != 1 || batches != 1, ErrorCode::kShapeMismatch,
            "one element per channel (X is {}) has no variance: train with a larger batch",
            context.shape(0).to_string());
  }
  const TensorType statistic = {context.dtype(0), Shape{shape.channels}};
  return {context.inputs[0], statistic, statistic, statistic, statistic};
}

OpSchema spatial_bn_schema() {
  OpSchema schema("SpatialBN");
  schema.doc(kDoc)
      .differs(
          "training on one element per channel is an error; Caffe2 makes the running variance "
          "NaN.")
      .differs(
          "the gradient in test mode uses 1 / sqrt(variance + epsilon); Caffe2 takes the "
          "variance itself.")
      .differs(
          "training on images without pixels leaves the running statistics as they are, like an "
          "empty batch; Caffe2 moves them towards 0.")
      .input("X", "batch, channels, and any number of further axes")
      .input("scale")
      .input("bias")
      .input("mean", "running mean")
      .input("var", "running variance")
      .optional_input("sums", "sums of X over all batches")
      .optional_input("sumsq", "sums of squares")
      .output("Y")
      .optional_output("mean")
      .optional_output("var")
      .optional_output("saved_mean", "[C]: mean of this batch")
      .optional_output("saved_inv_std", "1 / sqrt(variance + epsilon)")
      .inplace(0, 0)
      .enforce_inplace(3, 1)
      .enforce_inplace(4, 2)
      .infer(infer_spatial_bn)
      .cost([](const CostContext& context) {
        const auto count = static_cast<double>(context.inputs[0].shape.numel());
        const double passes = is_test(context.args) ? 0 : 1;  // over X, for the statistics
        return Cost{
            (3 + 3 * passes) * count,
            context.operand_bytes() + passes * static_cast<double>(context.inputs[0].bytes())};
      })
      .layout(LayoutPolicy::kPrefers, {0}, {0})
      .gradient([](GradientContext& g) {
        const std::string dx = g.din(0), dscale = g.din(1), dbias = g.din(2);
        std::vector<std::string> inputs = {g.in(0), g.in(1), g.dout(0)};
        if (is_test(g.args())) {
          inputs.insert(inputs.end(), {g.in(3), g.in(4)});
        } else {
          inputs.insert(inputs.end(), {g.out(3), g.out(4)});
          // Their sums over all batches arrive under the same names.
          if (g.inputs() == 7) inputs.insert(inputs.end(), {dscale, dbias});
        }
        g.op("SpatialBNGradient", inputs, {dx, dscale, dbias});
      });
  return declare_batch_norm(schema);
}

const RegisterOperator spatial_bn(spatial_bn_schema());

/// What differs between test and training: where mean and scaling of a channel come from.
template <typename T>
class SpatialBnKernel : public Kernel {
 public:
  explicit SpatialBnKernel(const PrepareContext& context)
      : rows_(channel_rows(context, order_of(context.args),
                           {&context.inputs[0], &context.outputs[0]})),
        width_(context.width),
        epsilon_(context.args.real("epsilon")),
        mean_at_(layout_.add(bytes())),
        factor_at_(layout_.add(bytes())) {}

  size_t scratch_bytes() const override { return layout_.bytes(); }

 protected:
  size_t bytes() const { return static_cast<size_t>(rows_.channels) * sizeof(T); }
  T* mean(OpContext& op) const { return ScratchLayout::at<T>(op.scratch, mean_at_); }
  T* factor(OpContext& op) const { return ScratchLayout::at<T>(op.scratch, factor_at_); }

  /// Y = (X - mean) * factor + bias
  void normalise(OpContext& op) const {
    if (op.output<T>(0) == nullptr) return;
    for_each_element(rows_, width_,
                     [x = op.input<T>(0), bias = op.input<T>(2), mean = mean(op),
                      factor = factor(op), y = op.output<T>(0)](int64_t i, int64_t c) {
                       y[i] = (x[i] - mean[c]) * factor[c] + bias[c];
                     });
  }

  ScratchLayout layout_;
  ChannelRows rows_;
  int width_;
  double epsilon_;

 private:
  size_t mean_at_;
  size_t factor_at_;
};

template <typename T>
class TestKernel final : public SpatialBnKernel<T> {
 public:
  using SpatialBnKernel<T>::SpatialBnKernel;

  void launch(OpContext& op) const override {
    const T* scale = op.input<T>(1);
    const T* variance = op.input<T>(4);
    T* factor = this->factor(op);
    std::copy_n(op.input<T>(3), this->rows_.channels, this->mean(op));
    for (int64_t c = 0; c < this->rows_.channels; ++c) {
      factor[c] = static_cast<T>(scale[c] / std::sqrt(variance[c] + this->epsilon_));
    }
    this->normalise(op);
  }
};

template <typename T>
class TrainingKernel final : public SpatialBnKernel<T> {
 public:
  explicit TrainingKernel(const PrepareContext& context)
      : SpatialBnKernel<T>(context),
        sums_(this->rows_, context.width),
        shift_at_(this->layout_.add(this->bytes())),
        sums_at_(this->layout_.add(sums_.scratch_bytes())),
        momentum_(context.args.real("momentum")),
        given_sums_(context.inputs.size() > 5),
        count_(static_cast<double>(this->rows_.per_channel()) *
               static_cast<double>(context.args.integer("num_batches"))) {}

  void launch(OpContext& op) const override {
    const Outputs to = {op.input<T>(1),  op.input<T>(3),  op.input<T>(4),
                        op.output<T>(1), op.output<T>(2), op.output<T>(3),
                        op.output<T>(4), this->mean(op),  this->factor(op)};
    if (count_ == 0) return without_elements(to);
    if (given_sums_) {
      for (int64_t c = 0; c < this->rows_.channels; ++c) {
        const double mean = op.input<T>(5)[c] / count_;
        finish(to, c, mean, op.input<T>(6)[c] / count_ - mean * mean);
      }
    } else {
      from_batch(op, to);
    }
    this->normalise(op);
  }

 private:
  struct Outputs {
    const T* scale;
    const T* running_mean;
    const T* running_variance;
    T* new_mean;
    T* new_variance;
    T* saved_mean;
    T* saved_inv_std;
    T* mean;
    T* factor;
  };

  /// Sums of differences to a value near the mean, so that the variance keeps its digits where the
  /// mean is large beside the deviation.
  void from_batch(OpContext& op, const Outputs& to) const {
    const T* x = op.input<T>(0);
    T* shift = ScratchLayout::at<T>(op.scratch, shift_at_);
    guess_means(x, shift);
    sums_.run(
        ScratchLayout::at(op.scratch, sums_at_),
        [x, shift](int64_t i, int64_t c) {
          const T difference = x[i] - shift[c];
          return std::array{difference, difference * difference};
        },
        [&](int64_t c, const auto& sums) {
          const double offset = sums[0] / count_;
          finish(to, c, shift[c] + offset, sums[1] / count_ - offset * offset);
        });
  }

  /// Means of a few elements spread over the batch.
  void guess_means(const T* x, T* shift) const {
    const int64_t available = this->rows_.per_channel(), samples = std::min<int64_t>(available, 16);
    std::fill_n(shift, this->rows_.channels, T{0});
    for (int64_t sample = 0; sample < samples; ++sample) {
      const int64_t i = available * sample / samples;
      for (int64_t c = 0; c < this->rows_.channels; ++c) {
        shift[c] += x[this->rows_.index(i, c)] / static_cast<T>(samples);
      }
    }
  }

  void finish(const Outputs& to, int64_t c, double mean, double variance) const {
    variance = variance < 0 ? 0 : variance;  // rounding; a NaN stays
    const double inv_std = 1 / std::sqrt(variance + this->epsilon_);
    to.mean[c] = static_cast<T>(mean);
    to.factor[c] = static_cast<T>(to.scale[c] * inv_std);
    if (to.saved_mean != nullptr) to.saved_mean[c] = static_cast<T>(mean);
    if (to.saved_inv_std != nullptr) to.saved_inv_std[c] = static_cast<T>(inv_std);
    const double unbiased = variance * count_ / (count_ - 1);
    if (to.new_mean != nullptr) to.new_mean[c] = running(to.running_mean[c], mean);
    if (to.new_variance != nullptr) to.new_variance[c] = running(to.running_variance[c], unbiased);
  }

  T running(T before, double now) const {
    return static_cast<T>(momentum_ * before + (1 - momentum_) * now);
  }

  /// An empty batch leaves the running statistics as they are.
  void without_elements(const Outputs& to) const {
    for (int64_t c = 0; c < this->rows_.channels; ++c) {
      if (to.new_mean != nullptr) to.new_mean[c] = to.running_mean[c];
      if (to.new_variance != nullptr) to.new_variance[c] = to.running_variance[c];
      if (to.saved_mean != nullptr) to.saved_mean[c] = 0;
      if (to.saved_inv_std != nullptr) to.saved_inv_std[c] = 0;
    }
  }

  ChannelSums<T, 2> sums_;
  size_t shift_at_;
  size_t sums_at_;
  double momentum_;
  bool given_sums_;
  double count_;
};

const RegisterCpuKernel spatial_bn_cpu("SpatialBN", [](const PrepareContext& context) {
  return dispatch(FloatTypes{}, context.inputs[0].dtype,
                  [&]<typename T>() -> std::unique_ptr<Kernel> {
                    if (is_test(context.args)) return std::make_unique<TestKernel<T>>(context);
                    return std::make_unique<TrainingKernel<T>>(context);
                  });
});

}  // namespace
}  // namespace headrace
