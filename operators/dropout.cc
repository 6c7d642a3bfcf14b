#include <algorithm>

#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/channels.h"
#include "operators/checks.h"

namespace headrace {
namespace {

bool is_test(const Args& args) { return args.flag("is_test"); }

float checked_ratio(const Args& args) {
  const float ratio = args.real("ratio");
  require(ratio >= 0 && ratio < 1, ErrorCode::kInvalidArgument,
          "argument 'ratio' must be in [0, 1), found {}", ratio);
  return ratio;
}

std::vector<TensorType> infer_dropout(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  checked_ratio(context.args);
  require(is_test(context.args) || context.outputs == 2, ErrorCode::kInvalidNet,
          "training needs the outputs (Y, mask), found {}", context.outputs);
  return {context.inputs[0], {DType::kBool, context.shape(0)}};
}

std::vector<TensorType> infer_gradient(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  checked_ratio(context.args);
  if (is_test(context.args)) return {context.inputs[0]};
  require(context.inputs.size() == 2, ErrorCode::kInvalidNet,
          "the gradient in training needs the mask");
  require_type(context, 1, Types<bool>{});
  require_same_shape(context, 1, 0);
  return {context.inputs[0]};
}

OpSchema& declare_dropout(OpSchema& schema) {
  return schema.arg("ratio", 0.5f, "the share of elements that become 0")
      .required_arg("is_test", ArgKind::kInt, "1: Y = X")
      .ignored_args({"order", "use_cudnn", "cudnn_exhaustive_search"})
      .layout(LayoutPolicy::kFollows);
}

OpSchema dropout_schema() {
  OpSchema schema("Dropout");
  schema
      .doc(
          "In training each element becomes 0 with probability `ratio` and is divided by "
          "(1 - ratio) otherwise; mask says which are left. With is_test, Y = X.")
      .input("X")
      .output("Y")
      .optional_output("mask", "bool, true where the element is left")
      .inplace(0, 0)
      .random()
      .infer(infer_dropout)
      .gradient([](GradientContext& g) {
        std::vector<std::string> inputs = {g.dout(0)};
        if (!is_test(g.args())) inputs.push_back(g.out(1));
        g.op("DropoutGrad", inputs, {g.din(0)});
      });
  return declare_dropout(schema);
}

OpSchema gradient_schema() {
  OpSchema schema("DropoutGrad");
  schema.doc("dX = dY / (1 - ratio) where mask is true, else 0. With is_test, dX = dY.")
      .input("dY")
      .optional_input("mask")
      .output("dX")
      .inplace(0, 0)
      .infer(infer_gradient);
  return declare_dropout(schema);
}

const RegisterOperator dropout(dropout_schema());
const RegisterOperator gradient(gradient_schema());

template <typename T>
std::unique_ptr<Kernel> prepare_copy(const PrepareContext& context) {
  return make_kernel(
      [count = context.inputs[0].shape.numel(), width = context.width](OpContext& op) {
        const T* x = op.input<T>(0);
        T* y = op.output<T>(0);
        if (y != nullptr && y != x) {
          for_parts(width, count,
                    [=](int64_t begin, int64_t end) { std::copy(x + begin, x + end, y + begin); });
        }
        bool* mask = op.outputs() > 1 ? op.output<bool>(1) : nullptr;
        if (mask != nullptr) std::fill_n(mask, count, true);
      });
}

/// Random numbers belong to places in the logical order, so that the layout does not change what
/// is dropped: neighbours there share a block of four.
template <typename T>
class DropoutKernel final : public Kernel {
 public:
  explicit DropoutKernel(const PrepareContext& context)
      : width_(context.width),
        scale_(static_cast<T>(1.0 / (1.0 - context.args.real("ratio")))),
        first_kept_(static_cast<uint64_t>(context.args.real("ratio") * 0x1p32)) {
    const TensorDesc& x = context.inputs[0];
    rows_ = x.layout == Layout::kChannelsLast
                ? ChannelRows{x.shape[0], x.shape[1], x.shape.product(2, x.shape.rank())}
                : ChannelRows{1, 1, x.shape.numel()};
  }

  void launch(OpContext& op) const override {
    const Rng rng = op.rng();
    for_parts(width_, rows_.rows * rows_.channels * rows_.inner,
              [&](int64_t begin, int64_t end) { drop(op, rng, begin, end); });
  }

 private:
  /// Elements [begin, end) of the logical order.
  void drop(OpContext& op, const Rng& rng, int64_t begin, int64_t end) const {
    const T* x = op.input<T>(0);
    T* y = op.output<T>(0);
    bool* mask = op.output<bool>(1);
    std::array<uint32_t, 4> words = {};
    for (int64_t i = begin; i < end; ++i) {
      if (i == begin || i % 4 == 0) words = rng.block(static_cast<uint64_t>(i) / 4);
      const bool kept = words[i % 4] >= first_kept_;
      const int64_t at = position(i);
      if (y != nullptr) y[at] = kept ? x[at] * scale_ : 0;
      if (mask != nullptr) mask[at] = kept;
    }
  }

  /// Where element i of the logical order stands. `rows_` are images, channels and pixels here.
  int64_t position(int64_t i) const {
    if (rows_.channels == 1) return i;
    const int64_t pixel = i % rows_.inner, plane = i / rows_.inner;
    const int64_t image = plane / rows_.channels, channel = plane % rows_.channels;
    return (image * rows_.inner + pixel) * rows_.channels + channel;
  }

  int width_;
  T scale_;
  uint64_t first_kept_;
  ChannelRows rows_;
};

template <typename T>
std::unique_ptr<Kernel> prepare_gradient(const PrepareContext& context) {
  const T scale = static_cast<T>(1.0 / (1.0 - context.args.real("ratio")));
  return make_kernel(
      [scale, count = context.inputs[0].shape.numel(), width = context.width](OpContext& op) {
        const T* dy = op.input<T>(0);
        const bool* mask = op.input<bool>(1);
        T* dx = op.output<T>(0);
        for_parts(width, count, [=](int64_t begin, int64_t end) {
#pragma GCC ivdep  // dx is dy, or apart from it
          for (int64_t i = begin; i < end; ++i) dx[i] = mask[i] ? dy[i] * scale : 0;
        });
      });
}

const RegisterCpuKernel dropout_cpu("Dropout", [](const PrepareContext& context) {
  return dispatch(FloatTypes{}, context.inputs[0].dtype,
                  [&]<typename T>() -> std::unique_ptr<Kernel> {
                    if (is_test(context.args)) return prepare_copy<T>(context);
                    return std::make_unique<DropoutKernel<T>>(context);
                  });
});

const RegisterCpuKernel gradient_cpu("DropoutGrad", [](const PrepareContext& context) {
  return dispatch(FloatTypes{}, context.inputs[0].dtype, [&]<typename T>() {
    return is_test(context.args) ? prepare_copy<T>(context) : prepare_gradient<T>(context);
  });
});

}  // namespace
}  // namespace headrace
