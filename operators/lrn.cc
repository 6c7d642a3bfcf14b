#include <algorithm>

#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/lrn_strips.h"

namespace headrace {
namespace {

void check_image(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  image_shape(context.shape(0), order_of(context.args), "X");
  lrn_window(context.args);
}

std::vector<TensorType> infer_lrn(const InferContext& context) {
  check_image(context);
  return {context.inputs[0], context.inputs[0]};
}

std::vector<TensorType> infer_gradient(const InferContext& context) {
  check_image(context);
  for (int i : {1, 2}) {
    require_same_type(context, i, 0);
    require_same_shape(context, i, 0);
  }
  return {context.inputs[0]};
}

Cost lrn_cost(const CostContext& context) {
  const auto count = static_cast<double>(context.inputs[0].shape.numel());
  const auto size = static_cast<double>(lrn_window(context.args).size());
  return {count * (2 * size + 20), context.operand_bytes()};
}

OpSchema lrn_schema() {
  OpSchema schema("LRN");
  schema
      .doc(
          "Local response normalisation across channels (Krizhevsky et al., 2012): "
          "Y = X * scale^-beta, scale = bias + alpha / size * sum of X^2 over `size` channels "
          "around the element; where size is even, one more above it than below.")
      .input("X", "image")
      .output("Y", "as X")
      .optional_output("scale", "as X: what X is divided by, before the power")
      .infer(infer_lrn)
      .cost(lrn_cost)
      .layout(LayoutPolicy::kPrefers)
      .gradient([](GradientContext& g) {
        g.op("LRNGradient", {g.in(0), g.out(0), g.dout(0)}, {g.din(0)});
      });
  return declare_lrn(schema);
}

OpSchema gradient_schema() {
  OpSchema schema("LRNGradient");
  schema
      .doc(
          "Gradient of LRN: dX = dY * scale^-beta - 2 * alpha / size * beta * X * sum of "
          "dY * Y / scale over the channels whose windows hold the element.")
      .input("X")
      .input("Y", "result of LRN")
      .input("dY")
      .output("dX")
      .infer(infer_gradient)
      .cost(lrn_cost)
      .layout(LayoutPolicy::kPrefers);
  return declare_lrn(schema);
}

const RegisterOperator lrn(lrn_schema());
const RegisterOperator gradient(gradient_schema());

/// Zeros before and after the elements of a strip in a buffer, where an earlier strip of another
/// width may have left something. Returns where the elements go.
template <typename T>
T* pad(T* buffer, const LrnStrip& strip, int64_t before, int64_t after) {
  T* inside = buffer + before * strip.lanes;
  std::fill_n(buffer, before * strip.lanes, T{0});
  std::fill_n(inside + strip.count(), after * strip.lanes, T{0});
  return inside;
}

/// scale = bias + factor * sum of x^2 over the window, with a buffer for the squares.
template <typename T>
void scales(const LrnWindow& window, const LrnStrip& strip, const T* x, T* squares, T* scale) {
  T* inside = pad(squares, strip, window.below, window.above);
  strip.for_each([=](int64_t at, int64_t i) { inside[i] = x[at] * x[at]; });
  sum_windows(squares, strip, window.size(), scale);
  const auto bias = static_cast<T>(window.bias), factor = static_cast<T>(window.factor);
  for (int64_t i = 0; i < strip.count(); ++i) scale[i] = bias + factor * scale[i];
}

template <typename T>
class LrnBase : public Kernel {
 public:
  LrnBase(const PrepareContext& context, std::initializer_list<const TensorDesc*> images,
          int buffers)
      : window_(lrn_window(context.args)) {
    const Order order = order_of(context.args);
    const ChannelRows rows =
        ChannelRows::of(context.inputs[0].shape, order, are_channels_last(order, images));
    // What a window has outside of the image is 0.
    window_.below = std::min(window_.below, rows.channels);
    window_.above = std::min(window_.above, rows.channels);
    strips_ = LrnStrips<T>(rows, context.width, window_.size(), buffers);
  }
  size_t scratch_bytes() const override { return strips_.scratch_bytes(); }

 protected:
  LrnWindow window_;
  LrnStrips<T> strips_;
};

template <typename T>
class LrnKernel final : public LrnBase<T> {
 public:
  explicit LrnKernel(const PrepareContext& context)
      : LrnBase<T>(context, {&context.inputs[0], &context.outputs[0]}, 2) {}

  void launch(OpContext& op) const override {
    const T* x = op.input<T>(0);
    T* y = op.output<T>(0);
    T* scale_out = op.outputs() > 1 ? op.output<T>(1) : nullptr;
    with_power<T>(this->window_.beta, [&](auto power) {
      this->strips_.run(op.scratch, [&](const LrnStrip& strip, T* squares) {
        T* scale = squares + this->strips_.elements();
        scales(this->window_, strip, x, squares, scale);
        if (y != nullptr) {
          strip.for_each([=](int64_t at, int64_t i) { y[at] = x[at] * power(scale[i]); });
        }
        if (scale_out != nullptr) {
          strip.for_each([=](int64_t at, int64_t i) { scale_out[at] = scale[i]; });
        }
      });
    });
  }
};

template <typename T>
class LrnGradientKernel final : public LrnBase<T> {
 public:
  explicit LrnGradientKernel(const PrepareContext& context)
      : LrnBase<T>(
            context,
            {&context.inputs[0], &context.inputs[1], &context.inputs[2], &context.outputs[0]}, 4) {}

  void launch(OpContext& op) const override {
    const T* x = op.input<T>(0);
    const T* y = op.input<T>(1);
    const T* dy = op.input<T>(2);
    T* dx = op.output<T>(0);
    const LrnWindow& window = this->window_;
    const auto slope = static_cast<T>(2 * window.factor * window.beta);
    with_power<T>(window.beta, [&](auto power) {
      this->strips_.run(op.scratch, [&](const LrnStrip& strip, T* squares) {
        T* scale = squares + this->strips_.elements();
        T* ratios = scale + this->strips_.elements();
        T* sums = ratios + this->strips_.elements();
        scales(window, strip, x, squares, scale);
        // The windows that hold an element are those of `above` channels before it and on.
        T* inside = pad(ratios, strip, window.above, window.below);
        strip.for_each([=](int64_t at, int64_t i) { inside[i] = dy[at] * y[at] / scale[i]; });
        sum_windows(ratios, strip, window.size(), sums);
        strip.for_each([=](int64_t at, int64_t i) {
          dx[at] = dy[at] * power(scale[i]) - slope * x[at] * sums[i];
        });
      });
    });
  }
};

const RegisterCpuKernel lrn_cpu("LRN", [](const PrepareContext& context) {
  return dispatch(FloatTypes{}, context.inputs[0].dtype,
                  [&]<typename T>() -> std::unique_ptr<Kernel> {
                    return std::make_unique<LrnKernel<T>>(context);
                  });
});

const RegisterCpuKernel gradient_cpu("LRNGradient", [](const PrepareContext& context) {
  return dispatch(FloatTypes{}, context.inputs[0].dtype,
                  [&]<typename T>() -> std::unique_ptr<Kernel> {
                    return std::make_unique<LrnGradientKernel<T>>(context);
                  });
});

}  // namespace
}  // namespace headrace
