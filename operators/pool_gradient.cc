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

/// How the elements of a window share its dy: those that are its maximum take all of it, or every
/// one gets a part.
template <typename T>
struct Max {
  static constexpr bool kReadsValues = true;
};
template <typename T>
struct Average {
  static constexpr bool kReadsValues = false;
};

template <typename T>
struct Operands {
  const T* x;
  const T* y;
  const T* dy;
  T* dx;
};

/// What an element gets of the dy of a window: all, or the factor that AveragePool has for its sum.
template <typename T, template <typename> typename Share>
T share_of_window(const PoolShape& shape, int64_t z, int64_t v, int64_t o) {
  if (Share<T>::kReadsValues) return T{1};
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
        const T scale = share_of_window<T, Share>(shape, z, v, o);
#pragma GCC ivdep
        for (int64_t c = 0; c < channels; ++c) {
          const T gradient = dy[c];  // read in any case: a branch per element is slower
          if constexpr (Share<T>::kReadsValues) {
            dx[c] += x[c] == y[c] ? gradient : T{0};
          } else {
            dx[c] += gradient * scale;
          }
        }
      }
    }
  }
}

/// Images of many channels, the last axis in memory.
template <typename T, template <typename> typename Share>
void gradient_pixels(const PoolShape& shape, const std::vector<Span>& columns, int width,
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
            gradient_pixel<T, Share>(shape, at, n, d, h, columns[u], line * row + u);
          }
        }
      },
      1);
}

/// dX of the pixels [begin, end) of a line. What their windows have is laid out beside them, the
/// first window of each pixel, then the second, and so on: elements of one line, and one loop.
template <typename T, template <typename> typename Share>
void gradient_line(const PoolShape& shape, int64_t channels, const std::vector<Span>& columns,
                   const Operands<T>& at, int64_t image, Span d, Span h, int64_t line,
                   int64_t begin, int64_t end) {
  const int64_t count = (end - begin) * channels;
  const int64_t first = (line * shape.x.size[2] + begin) * channels;
  const T* x = at.x + first;
  T* dx = at.dx + first;
  std::fill_n(dx, count, T{0});
  int64_t most = 0;
  for (int64_t u = begin; u < end; ++u) most = std::max(most, columns[u].size());

  T y[kTile], dy[kTile];
  for (int64_t z = d.begin; z < d.end; ++z) {
    for (int64_t v = h.begin; v < h.end; ++v) {
      const int64_t row = ((image * shape.y.size[0] + z) * shape.y.size[1] + v) * shape.y.size[2];
      for (int64_t turn = 0; turn < most; ++turn) {
        for_channel_blocks(channels, [&]<int N>(int64_t c) {
          using Pixel = Block<T, N>;
          typename Pixel::Vector value = {};
          const typename Pixel::Vector none = {};
          for (int64_t u = begin, to = c; u < end; ++u, to += channels) {
            const Span windows = columns[u];
            const int64_t o = windows.begin + turn;
            if (o >= windows.end) {  // no more windows
              Pixel::store(none, y + to);
              Pixel::store(none, dy + to);
              continue;
            }
            const int64_t from = (row + o) * channels + c;
            Pixel::load(at.dy + from, value);
            if constexpr (Share<T>::kReadsValues) {
              Pixel::store(value, dy + to);
              Pixel::load(at.y + from, value);
              Pixel::store(value, y + to);
            } else {
              Pixel::store(value * share_of_window<T, Share>(shape, z, v, o), dy + to);
            }
          }
        });
        for (int64_t i = 0; i < count; ++i) {
          if constexpr (Share<T>::kReadsValues) {
            dx[i] += x[i] == y[i] ? dy[i] : T{0};
          } else {
            dx[i] += dy[i];
          }
        }
      }
    }
  }
}

/// `images` images of few channels; in plain layout each channel is an image of one.
template <typename T, template <typename> typename Share>
void gradient_lines(const PoolShape& shape, int64_t images, int64_t channels,
                    const std::vector<Span>& columns, int width, const Operands<T>& at) {
  const auto [depth, height, row] = shape.x.size;
  const int64_t step = kTile / channels;
  for_parts(
      width, images * depth * height,
      [&, depth = depth, height = height, row = row](int64_t begin, int64_t end) {
        for (int64_t line = begin; line < end; ++line) {
          const Span d = covering(shape, 0, line / height % depth);
          const Span h = covering(shape, 1, line % height);
          for (int64_t u = 0; u < row; u += step) {
            gradient_line<T, Share>(shape, channels, columns, at, line / (depth * height), d, h,
                                    line, u, std::min(u + step, row));
          }
        }
      },
      1);
}

template <template <typename> typename Share>
std::unique_ptr<Kernel> prepare_gradient(const PrepareContext& context) {
  return dispatch(FloatTypes{}, context.inputs[0].dtype, [&]<typename T>() {
    const PoolShape shape = pool_shape(context.args, context.inputs[0].shape);
    const bool last = are_channels_last(shape.order, {&context.inputs[0], &context.inputs[1],
                                                      &context.inputs[2], &context.outputs[0]});
    std::vector<Span> columns;  // divided out once
    for (int64_t u = 0; u < shape.x.size[2]; ++u) columns.push_back(covering(shape, 2, u));
    return make_kernel([shape, last, columns, width = context.width](OpContext& op) {
      const Operands<T> at = {op.input<T>(0), op.input<T>(1), op.input<T>(2), op.output<T>(0)};
      if (!last) {
        gradient_lines<T, Share>(shape, shape.x.n * shape.x.c, 1, columns, width, at);
      } else if (shape.x.c < kManyChannels) {
        gradient_lines<T, Share>(shape, shape.x.n, shape.x.c, columns, width, at);
      } else {
        gradient_pixels<T, Share>(shape, columns, width, at);
      }
    });
  });
}

const RegisterCpuKernel max_pool_gradient_cpu("MaxPoolGradient", prepare_gradient<Max>);
const RegisterCpuKernel average_pool_gradient_cpu("AveragePoolGradient", prepare_gradient<Average>);

}  // namespace
}  // namespace headrace
