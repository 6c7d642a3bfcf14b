#include <limits>

#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/parts.h"
#include "operators/pool_shape.h"

namespace headrace {
namespace {

std::vector<TensorType> infer_pool(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  const PoolShape shape = pool_shape(context.args, context.shape(0));
  return {{context.dtype(0), shape.y.shape(shape.order)}};
}

OpSchema pool_schema(const std::string& type, const char* doc) {
  OpSchema schema(type);
  schema.doc(doc)
      .input("X", "image")
      .output("Y", "image")
      .infer(infer_pool)
      .cost([](const CostContext& context) {
        const PoolShape shape = pool_shape(context.args, context.inputs[0].shape);
        return Cost{static_cast<double>(context.outputs[0].shape.numel()) *
                        static_cast<double>(shape.window.taps()),
                    context.operand_bytes()};
      })
      .layout(LayoutPolicy::kPrefers)
      .gradient([type](GradientContext& g) {
        g.op(type + "Gradient", {g.in(0), g.out(0), g.dout(0)}, {g.din(0)});
      });
  return declare_pool(schema);
}

const RegisterOperator max_pool(pool_schema(
    "MaxPool",
    "Y = the largest element of X in each window, per channel. A NaN counts as larger."));
const RegisterOperator average_pool(pool_schema("AveragePool",
                                                "Y = the mean of X over each window, per channel. "
                                                "Pads do not count, unless count_include_pad."));

/// What becomes of the elements in a window. Accumulators of several channels side by side.
template <typename T>
struct Max {
  static constexpr bool kRounds = false;  // whether the order of the additions matters
  static constexpr T kStart = -std::numeric_limits<T>::infinity();
  template <typename V>  // an element or a block of them
  static void add(V& total, const V& x) {
    total = ((x > total) | (x != x)) ? x : total;
  }
  template <typename V>
  static void finish(V& /*total*/, int64_t /*count*/) {}
};
template <typename T>
struct Average {
  static constexpr bool kRounds = true;
  static constexpr T kStart = 0;
  template <typename V>
  static void add(V& total, const V& x) {
    total += x;
  }
  template <typename V>
  static void finish(V& total, int64_t count) {
    total /= static_cast<T>(count);
  }
};

/// One output pixel of `channels` neighbouring channels. Sums are taken over the rows of a window
/// first: a window of a whole image has too many terms for one sum.
template <typename T, template <typename> typename Reduce>
void pool_pixel(const PoolShape& shape, const T* image, Span d, Span h, Span w, int64_t channels,
                T* y) {
  T total[kTile], row[kTile];
  std::fill_n(total, channels, Reduce<T>::kStart);
  for (int64_t z = d.begin; z < d.end; ++z) {
    for (int64_t v = h.begin; v < h.end; ++v) {
      T* sum = Reduce<T>::kRounds ? row : total;
      if (Reduce<T>::kRounds) std::fill_n(row, channels, Reduce<T>::kStart);
      for (int64_t u = w.begin; u < w.end; ++u) {
        const T* x = image + ((z * shape.x.size[1] + v) * shape.x.size[2] + u) * shape.x.c;
        for (int64_t c = 0; c < channels; ++c) Reduce<T>::add(sum[c], x[c]);
      }
      if (!Reduce<T>::kRounds) continue;
      for (int64_t c = 0; c < channels; ++c) Reduce<T>::add(total[c], row[c]);
    }
  }
  const int64_t count = average_count(shape, d, h, w);
  for (int64_t c = 0; c < channels; ++c) {
    Reduce<T>::finish(total[c], count);
    y[c] = total[c];
  }
}

/// Outputs [begin, end) of a row, whose windows cover the lines of `d` and `h` and at most kTile
/// elements: first down each column, then along the row.
template <typename T, template <typename> typename Reduce>
void pool_columns(const PoolShape& shape, int64_t channels, const T* image, Span d, Span h,
                  int64_t begin, int64_t end, T* y) {
  const int64_t first = covered_by(shape, 2, begin).begin;
  const int64_t count = (covered_by(shape, 2, end - 1).end - first) * channels;
  T column[kTile];
  std::fill_n(column, count, Reduce<T>::kStart);
  for (int64_t z = d.begin; z < d.end; ++z) {
    for (int64_t v = h.begin; v < h.end; ++v) {
      const T* x = image + ((z * shape.x.size[1] + v) * shape.x.size[2] + first) * channels;
      for (int64_t i = 0; i < count; ++i) Reduce<T>::add(column[i], x[i]);
    }
  }
  for_channel_blocks(channels, [&]<int N>(int64_t c) {
    using Pixel = Block<T, N>;
    using Vector = typename Pixel::Vector;
    for (int64_t o = begin; o < end; ++o) {
      const Span w = covered_by(shape, 2, o);
      Vector total = Vector{} + Reduce<T>::kStart, element = {};
      const T* from = column + (w.begin - first) * channels + c;
      for (int64_t u = 0; u < w.size(); ++u, from += channels) {
        Pixel::load(from, element);
        Reduce<T>::add(total, element);
      }
      Reduce<T>::finish(total, average_count(shape, d, h, w));
      Pixel::store(total, y + o * channels + c);
    }
  });
}

/// One output of one channel whose window has more than kTile columns.
template <typename T, template <typename> typename Reduce>
T pool_wide(const PoolShape& shape, int64_t channels, const T* image, Span d, Span h, Span w) {
  T total = Reduce<T>::kStart;
  for (int64_t z = d.begin; z < d.end; ++z) {
    for (int64_t v = h.begin; v < h.end; ++v) {
      const T* x = image + (z * shape.x.size[1] + v) * shape.x.size[2] * channels;
      T row = Reduce<T>::kStart;
      for (int64_t u = w.begin; u < w.end; ++u) Reduce<T>::add(row, x[u * channels]);
      Reduce<T>::add(total, row);
    }
  }
  Reduce<T>::finish(total, average_count(shape, d, h, w));
  return total;
}

/// A row of outputs of an image of few channels, or of one channel of an image in plain layout.
template <typename T, template <typename> typename Reduce>
void pool_row(const PoolShape& shape, int64_t channels, const T* image, Span d, Span h, T* y) {
  const int64_t row = shape.y.size[2], most = kTile / channels;
  for (int64_t begin = 0, end; begin < row; begin = end) {
    end = begin + 1;
    const Span w = covered_by(shape, 2, begin);
    if (w.size() > most) {
      for (int64_t c = 0; c < channels; ++c) {
        y[begin * channels + c] = pool_wide<T, Reduce>(shape, channels, image + c, d, h, w);
      }
      continue;
    }
    while (end < row && covered_by(shape, 2, end).end - w.begin <= most) ++end;
    pool_columns<T, Reduce>(shape, channels, image, d, h, begin, end, y);
  }
}

/// Images of many channels, the last axis in memory.
template <typename T, template <typename> typename Reduce>
void pool_pixels(const PoolShape& shape, int width, const T* x, T* y) {
  const int64_t tiles = (shape.x.c + kTile - 1) / kTile;
  const auto [depth, height, row] = shape.y.size;
  for_parts(
      width, shape.y.n * depth * height * tiles,
      [&, depth = depth, height = height, row = row](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t first = i % tiles * kTile, line = i / tiles;
          const int64_t channels = std::min(kTile, shape.x.c - first);
          const T* image = x + line / (depth * height) * shape.x.pixels() * shape.x.c + first;
          const Span d = covered_by(shape, 0, line / height % depth);
          const Span h = covered_by(shape, 1, line % height);
          T* out = y + line * row * shape.y.c + first;
          for (int64_t o = 0; o < row; ++o, out += shape.y.c) {
            pool_pixel<T, Reduce>(shape, image, d, h, covered_by(shape, 2, o), channels, out);
          }
        }
      },
      1);
}

/// `images` images of few channels; in plain layout each channel is an image of one.
template <typename T, template <typename> typename Reduce>
void pool_rows(const PoolShape& shape, int64_t images, int64_t channels, int width, const T* x,
               T* y) {
  const auto [depth, height, row] = shape.y.size;
  for_parts(
      width, images * depth * height,
      [&, depth = depth, height = height, row = row](int64_t begin, int64_t end) {
        for (int64_t line = begin; line < end; ++line) {
          pool_row<T, Reduce>(shape, channels,
                              x + line / (depth * height) * shape.x.pixels() * channels,
                              covered_by(shape, 0, line / height % depth),
                              covered_by(shape, 1, line % height), y + line * row * channels);
        }
      },
      1);
}

template <template <typename> typename Reduce>
std::unique_ptr<Kernel> prepare_pool(const PrepareContext& context) {
  return dispatch(FloatTypes{}, context.inputs[0].dtype, [&]<typename T>() {
    const PoolShape shape = pool_shape(context.args, context.inputs[0].shape);
    const bool last = are_channels_last(shape.order, {&context.inputs[0], &context.outputs[0]});
    return make_kernel([shape, last, width = context.width](OpContext& op) {
      const T* x = op.input<T>(0);
      T* y = op.output<T>(0);
      if (!last) {
        pool_rows<T, Reduce>(shape, shape.x.n * shape.x.c, 1, width, x, y);
      } else if (shape.x.c < kManyChannels) {
        pool_rows<T, Reduce>(shape, shape.x.n, shape.x.c, width, x, y);
      } else {
        pool_pixels<T, Reduce>(shape, width, x, y);
      }
    });
  });
}

const RegisterCpuKernel max_pool_cpu("MaxPool", prepare_pool<Max>);
const RegisterCpuKernel average_pool_cpu("AveragePool", prepare_pool<Average>);

}  // namespace
}  // namespace headrace
