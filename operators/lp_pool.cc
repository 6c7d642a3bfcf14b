#include <cmath>

#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/parts.h"
#include "operators/pool_shape.h"

namespace headrace {
namespace {

float checked_power(const Args& args) {
  const float p = args.real("p");
  require(p > 0 && std::isfinite(p), ErrorCode::kInvalidArgument, "LpPool needs p > 0, found {}",
          p);
  return p;
}

OpSchema& declare_lp(OpSchema& schema) {
  return declare_pool(schema.arg("p", 2.0f, "the exponent, above 0"));
}

OpSchema lp_schema() {
  OpSchema schema("LpPool");
  schema.doc("Y = (the sum of |X|^p over each window)^(1/p), per channel.")
      .differs(
          "The gradient of a window of zeros is 0, in Caffe2 NaN; images may have one to three "
          "spatial axes, in Caffe2 two.")
      .input("X", "image")
      .output("Y", "image")
      .infer([](const InferContext& context) {
        require_type(context, 0, FloatTypes{});
        checked_power(context.args);
        const PoolShape shape = pool_shape(context.args, context.shape(0));
        return std::vector<TensorType>{{context.dtype(0), shape.y.shape(shape.order)}};
      })
      .cost([](const CostContext& context) {
        const PoolShape shape = pool_shape(context.args, context.inputs[0].shape);
        return Cost{20 * static_cast<double>(context.outputs[0].shape.numel()) *
                        static_cast<double>(shape.window.taps()),
                    context.operand_bytes()};
      })
      .gradient([](GradientContext& g) {
        g.op("LpPoolGradient", {g.in(0), g.out(0), g.dout(0)}, {g.din(0)});
      });
  return declare_lp(schema);
}
OpSchema lp_gradient_schema() {
  OpSchema schema("LpPoolGradient");
  schema.doc("dX = the sum of dY * X * |X|^(p-2) / Y^(p-1) over all windows; 0 where Y is 0.")
      .input("X", "image")
      .input("Y", "image")
      .input("dY", "image")
      .output("dX", "image")
      .infer([](const InferContext& context) {
        require_type(context, 0, FloatTypes{});
        checked_power(context.args);
        const PoolShape shape = pool_shape(context.args, context.shape(0));
        for (int i : {1, 2}) {
          require_same_type(context, i, 0);
          require_shape(context, i, shape.y.shape(shape.order), "that of the pooled image");
        }
        return std::vector<TensorType>{context.inputs[0]};
      })
      .no_gradient();
  return declare_lp(schema);
}
const RegisterOperator lp_pool(lp_schema());
const RegisterOperator lp_pool_gradient(lp_gradient_schema());

/// Where pixels of an image stand.
struct Pixels {
  std::array<int64_t, 3> size;
  int64_t channels;
  bool channels_last;

  int64_t count() const { return size[0] * size[1] * size[2]; }
  int64_t at(int64_t n, int64_t c, int64_t d, int64_t h, int64_t w) const {
    const int64_t pixel = (d * size[1] + h) * size[2] + w;
    return channels_last ? (n * count() + pixel) * channels + c
                         : (n * channels + c) * count() + pixel;
  }
};

struct LpWalk {
  PoolShape shape;
  Pixels x, y;
  int width;

  static LpWalk of(const PrepareContext& prepare) {
    const PoolShape shape = pool_shape(prepare.args, prepare.inputs[0].shape);
    const bool last = shape.order == Order::kNhwc;
    return {shape, {shape.x.size, shape.x.c, last}, {shape.y.size, shape.x.c, last}, prepare.width};
  }

  /// f(output, its window) for all outputs of a channel, channels in parallel.
  template <typename F>
  void for_outputs(F f) const {
    for_parts(
        width, shape.x.n * shape.x.c,
        [&](int64_t begin, int64_t end) {
          for (int64_t plane = begin; plane < end; ++plane) {
            const int64_t n = plane / shape.x.c, c = plane % shape.x.c;
            for (int64_t d = 0; d < shape.y.size[0]; ++d) {
              for (int64_t h = 0; h < shape.y.size[1]; ++h) {
                for (int64_t w = 0; w < shape.y.size[2]; ++w) {
                  f(n, c, y.at(n, c, d, h, w),
                    std::array<Span, 3>{covered_by(shape, 0, d), covered_by(shape, 1, h),
                                        covered_by(shape, 2, w)});
                }
              }
            }
          }
        },
        /*grain=*/1);
  }
  /// f(position) for the pixels of a window.
  template <typename F>
  void for_window(int64_t n, int64_t c, const std::array<Span, 3>& window, F f) const {
    for (int64_t d = window[0].begin; d < window[0].end; ++d) {
      for (int64_t h = window[1].begin; h < window[1].end; ++h) {
        for (int64_t w = window[2].begin; w < window[2].end; ++w) f(x.at(n, c, d, h, w));
      }
    }
  }
};

const RegisterCpuKernel lp_cpu("LpPool", [](const PrepareContext& prepare) {
  const LpWalk walk = LpWalk::of(prepare);
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel([walk, p = T{checked_power(prepare.args)}](OpContext& context) {
      const T* x = context.input<T>(0);
      T* y = context.output<T>(0);
      walk.for_outputs([&](int64_t n, int64_t c, int64_t to, const auto& window) {
        T sum = 0;
        walk.for_window(n, c, window, [&](int64_t at) { sum += std::pow(std::abs(x[at]), p); });
        y[to] = std::pow(sum, T{1} / p);
      });
    });
  });
});

const RegisterCpuKernel lp_gradient_cpu("LpPoolGradient", [](const PrepareContext& prepare) {
  const LpWalk walk = LpWalk::of(prepare);
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel([walk, count = prepare.inputs[0].shape.numel(),
                        p = T{checked_power(prepare.args)}](OpContext& context) {
      const T* x = context.input<T>(0);
      const T* y = context.input<T>(1);
      const T* dy = context.input<T>(2);
      T* dx = context.output<T>(0);
      std::fill_n(dx, count, T{0});
      walk.for_outputs([&](int64_t n, int64_t c, int64_t from, const auto& window) {
        if (y[from] == 0) return;
        const T share = dy[from] / std::pow(y[from], p - T{1});
        walk.for_window(n, c, window, [&](int64_t at) {
          const T size = std::pow(std::abs(x[at]), p - T{1});
          if (x[at] != 0) dx[at] += share * std::copysign(size, x[at]);
        });
      });
    });
  });
});

}  // namespace
}  // namespace headrace
