#include "core/registry.h"
#include "operators/checks.h"
#include "operators/parts.h"
#include "operators/pool_shape.h"

namespace headrace {
namespace {

std::vector<TensorType> infer_gradient(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  const PoolShape shape = pool_shape(context.args, context.shape(0));
  for (int i : {1, 2}) {
    require_same_type(context, i, 0);
    require_shape(context, i, shape.y.shape(shape.order), "that of the result of the pool");
  }
  return {context.inputs[0]};
}

OpSchema gradient_schema(const std::string& type, const char* doc) {
  OpSchema schema(type);
  schema.doc(doc)
      .input("X")
      .input("Y", "result of the pool")
      .input("dY")
      .output("dX")
      .infer(infer_gradient)
      .cost([](const CostContext& context) {
        const PoolShape shape = pool_shape(context.args, context.inputs[0].shape);
        return Cost{2 * static_cast<double>(context.inputs[1].shape.numel()) *
                        static_cast<double>(shape.window.taps()),
                    context.operand_bytes()};
      })
      .layout(LayoutPolicy::kPrefers);
  return declare_pool(schema);
}

const RegisterOperator max_pool_gradient(
    gradient_schema("MaxPoolGradient",
                    "Gradient of MaxPool: an element of X gets dY of every window that it is the "
                    "maximum of; where several are, each gets all of it."));
const RegisterOperator average_pool_gradient(
    gradient_schema("AveragePoolGradient",
                    "Gradient of AveragePool: dY of a window is spread evenly over its elements."));

/// What an element x of a window gets of the window's dy.
template <typename T>
struct Max {
  static constexpr bool kReadsValues = true;
  template <typename V>  // an element or a block of them
  static void add(V& dx, const V& x, const V& y, const V& dy, T /*scale*/) {
    dx += x == y ? dy : V{};
  }
};
template <typename T>
struct Average {
  static constexpr bool kReadsValues = false;
  template <typename V>
  static void add(V& dx, const V& /*x*/, const V& /*y*/, const V& dy, T scale) {
    dx += dy * scale;
  }
};

template <typename T>
struct Operands {
  const T* x;
  const T* y;
  const T* dy;
  T* dx;
};

/// What AveragePool multiplies the sum of a window by.
template <typename T>
T share_of_window(const PoolShape& shape, int64_t z, int64_t v, int64_t o) {
  return T{1} / static_cast<T>(average_count(shape, covered_by(shape, 0, z),
                                             covered_by(shape, 1, v), covered_by(shape, 2, o)));
}

/// dX at one pixel, all channels: gathered from the windows that cover it, so that every element is
/// written by one thread, once.
template <typename T, template <typename> typename Share>
void gradient_pixel(const PoolShape& shape, const Operands<T>& at, int64_t n, Span d, Span h,
                    Span w, int64_t pixel) {
  const int64_t channels = shape.x.c;
  const T* x = at.x + pixel * channels;
  T* dx = at.dx + pixel * channels;
  std::fill_n(dx, channels, T{0});
  for (int64_t z = d.begin; z < d.end; ++z) {
    for (int64_t v = h.begin; v < h.end; ++v) {
      for (int64_t o = w.begin; o < w.end; ++o) {
        const int64_t window =
            ((n * shape.y.size[0] + z) * shape.y.size[1] + v) * shape.y.size[2] + o;
        const T* y = at.y + window * channels;
        const T* dy = at.dy + window * channels;
        const T scale = share_of_window<T>(shape, z, v, o);
#pragma GCC ivdep
        for (int64_t c = 0; c < channels; ++c) {
          const T gradient = dy[c];  // read in any case: a branch per element is slower
          if constexpr (Share<T>::kReadsValues) {
            Share<T>::add(dx[c], x[c], y[c], gradient, scale);
          } else {
            Share<T>::add(dx[c], T{0}, T{0}, gradient, scale);
          }
        }
      }
    }
  }
}

/// The same of N channels from `first` on, for images of few.
template <typename T, template <typename> typename Share, int N>
void gradient_block(const PoolShape& shape, const Operands<T>& at, int64_t n, Span d, Span h,
                    Span w, int64_t pixel, int64_t first) {
  using Pixel = Block<T, N>;
  using Vector = typename Pixel::Vector;
  const int64_t channels = shape.x.c;
  const int64_t at_pixel = pixel * channels + first;
  Vector x = {};
  if constexpr (Share<T>::kReadsValues) Pixel::load(at.x + at_pixel, x);
  Vector dx = {};
  for (int64_t z = d.begin; z < d.end; ++z) {
    for (int64_t v = h.begin; v < h.end; ++v) {
      for (int64_t o = w.begin; o < w.end; ++o) {
        const int64_t window =
            ((n * shape.y.size[0] + z) * shape.y.size[1] + v) * shape.y.size[2] + o;
        const int64_t at_window = window * channels + first;
        Vector y = {};
        if constexpr (Share<T>::kReadsValues) Pixel::load(at.y + at_window, y);
        Vector dy;
        Pixel::load(at.dy + at_window, dy);
        Share<T>::add(dx, x, y, dy, share_of_window<T>(shape, z, v, o));
      }
    }
  }
  Pixel::store(dx, at.dx + at_pixel);
}

template <typename T, template <typename> typename Share>
void gradient_channels_last(const PoolShape& shape, const std::vector<Span>& columns, int width,
                            const Operands<T>& at) {
  const auto [depth, height, row] = shape.x.size;
  for_parts(
      width, shape.x.n * depth * height,
      [&, depth = depth, height = height, row = row](int64_t begin, int64_t end) {
        for (int64_t line = begin; line < end; ++line) {
          const Span d = covering(shape, 0, line / height % depth);
          const Span h = covering(shape, 1, line % height);
          const int64_t n = line / (depth * height);
          for (int64_t u = 0; u < row; ++u) {
            const Span w = columns[u];
            if (shape.x.c >= kManyChannels) {
              gradient_pixel<T, Share>(shape, at, n, d, h, w, line * row + u);
            } else {
              for_channel_blocks(shape.x.c, [&]<int N>(int64_t c) {
                gradient_block<T, Share, N>(shape, at, n, d, h, w, line * row + u, c);
              });
            }
          }
        }
      },
      1);
}

/// One channel of one image: dY scattered from the windows.
template <typename T, template <typename> typename Share>
void gradient_plane(const PoolShape& shape, const Operands<T>& at, int64_t plane) {
  const T* x = at.x + plane * shape.x.pixels();
  const T* y = at.y + plane * shape.y.pixels();
  const T* dy = at.dy + plane * shape.y.pixels();
  T* dx = at.dx + plane * shape.x.pixels();
  std::fill_n(dx, shape.x.pixels(), T{0});
  int64_t window = 0;
  for (int64_t z = 0; z < shape.y.size[0]; ++z) {
    const Span d = covered_by(shape, 0, z);
    for (int64_t v = 0; v < shape.y.size[1]; ++v) {
      const Span h = covered_by(shape, 1, v);
      for (int64_t u = 0; u < shape.y.size[2]; ++u, ++window) {
        const Span w = covered_by(shape, 2, u);
        const T scale = T{1} / static_cast<T>(average_count(shape, d, h, w));
        for (int64_t a = d.begin; a < d.end; ++a) {
          for (int64_t b = h.begin; b < h.end; ++b) {
            const int64_t line = (a * shape.x.size[1] + b) * shape.x.size[2];
            for (int64_t i = line + w.begin; i < line + w.end; ++i) {
              Share<T>::add(dx[i], Share<T>::kReadsValues ? x[i] : T{0}, y[window], dy[window],
                            scale);
            }
          }
        }
      }
    }
  }
}

template <template <typename> typename Share>
std::unique_ptr<Kernel> prepare_gradient(const PrepareContext& context) {
  return dispatch(FloatTypes{}, context.inputs[0].dtype, [&]<typename T>() {
    const PoolShape shape = pool_shape(context.args, context.inputs[0].shape);
    const bool last = are_channels_last(shape.order, {&context.inputs[0], &context.inputs[1],
                                                      &context.inputs[2], &context.outputs[0]});
    std::vector<Span> columns;  // divided out once
    for (int64_t u = 0; last && u < shape.x.size[2]; ++u) columns.push_back(covering(shape, 2, u));
    return make_kernel([shape, last, columns, width = context.width](OpContext& op) {
      const Operands<T> at = {op.input<T>(0), op.input<T>(1), op.input<T>(2), op.output<T>(0)};
      if (last) return gradient_channels_last<T, Share>(shape, columns, width, at);
      for_parts(
          width, shape.x.n * shape.x.c,
          [&](int64_t begin, int64_t end) {
            for (int64_t plane = begin; plane < end; ++plane) {
              gradient_plane<T, Share>(shape, at, plane);
            }
          },
          1);
    });
  });
}

const RegisterCpuKernel max_pool_gradient_cpu("MaxPoolGradient", prepare_gradient<Max>);
const RegisterCpuKernel average_pool_gradient_cpu("AveragePoolGradient", prepare_gradient<Average>);

}  // namespace
}  // namespace headrace
