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

constexpr int64_t kTile = 256;  // accumulators that stay in the first-level cache

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

/// The same of N channels, for images of few.
template <typename T, template <typename> typename Reduce, int N>
void pool_block(const PoolShape& shape, const T* image, Span d, Span h, Span w, T* y) {
  using Pixel = Block<T, N>;
  using Vector = typename Pixel::Vector;
  const Vector start = Vector{} + Reduce<T>::kStart;
  Vector total = start;
  for (int64_t z = d.begin; z < d.end; ++z) {
    for (int64_t v = h.begin; v < h.end; ++v) {
      Vector row = start;
      const T* x = image + ((z * shape.x.size[1] + v) * shape.x.size[2] + w.begin) * shape.x.c;
      for (int64_t u = w.begin; u < w.end; ++u, x += shape.x.c) {
        Vector taken;
        Pixel::load(x, taken);
        Reduce<T>::add(row, taken);
      }
      Reduce<T>::add(total, row);
    }
  }
  Reduce<T>::finish(total, average_count(shape, d, h, w));
  Pixel::store(total, y);
}

template <typename T, template <typename> typename Reduce>
void pool_channels_last(const PoolShape& shape, int width, const T* x, T* y) {
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
            const Span w = covered_by(shape, 2, o);
            if (channels >= kManyChannels) {
              pool_pixel<T, Reduce>(shape, image, d, h, w, channels, out);
            } else {
              for_channel_blocks(channels, [&]<int N>(int64_t c) {
                pool_block<T, Reduce, N>(shape, image + c, d, h, w, out + c);
              });
            }
          }
        }
      },
      1);
}

/// Outputs [begin, end) of one row of a plane, whose windows cover the lines of `d` and `h` and at
/// most kTile columns: first down each column, then along the row.
template <typename T, template <typename> typename Reduce>
void pool_columns(const PoolShape& shape, const T* plane, Span d, Span h, int64_t begin,
                  int64_t end, T* y) {
  const int64_t first = covered_by(shape, 2, begin).begin;
  const int64_t columns = covered_by(shape, 2, end - 1).end - first;
  T column[kTile];
  std::fill_n(column, columns, Reduce<T>::kStart);
  for (int64_t z = d.begin; z < d.end; ++z) {
    for (int64_t v = h.begin; v < h.end; ++v) {
      const T* x = plane + (z * shape.x.size[1] + v) * shape.x.size[2] + first;
      for (int64_t c = 0; c < columns; ++c) Reduce<T>::add(column[c], x[c]);
    }
  }
  for (int64_t o = begin; o < end; ++o) {
    const Span w = covered_by(shape, 2, o);
    T total = Reduce<T>::kStart;
    for (int64_t c = w.begin; c < w.end; ++c) Reduce<T>::add(total, column[c - first]);
    Reduce<T>::finish(total, average_count(shape, d, h, w));
    y[o] = total;
  }
}

/// One output whose window is wider than kTile.
template <typename T, template <typename> typename Reduce>
T pool_wide(const PoolShape& shape, const T* plane, Span d, Span h, Span w) {
  T total = Reduce<T>::kStart;
  for (int64_t z = d.begin; z < d.end; ++z) {
    for (int64_t v = h.begin; v < h.end; ++v) {
      const T* x = plane + (z * shape.x.size[1] + v) * shape.x.size[2];
      T row = Reduce<T>::kStart;
      for (int64_t c = w.begin; c < w.end; ++c) Reduce<T>::add(row, x[c]);
      Reduce<T>::add(total, row);
    }
  }
  Reduce<T>::finish(total, average_count(shape, d, h, w));
  return total;
}

/// One channel of one image.
template <typename T, template <typename> typename Reduce>
void pool_plane(const PoolShape& shape, const T* x, T* y) {
  const int64_t row = shape.y.size[2];
  for (int64_t z = 0; z < shape.y.size[0]; ++z) {
    const Span d = covered_by(shape, 0, z);
    for (int64_t v = 0; v < shape.y.size[1]; ++v, y += row) {
      const Span h = covered_by(shape, 1, v);
      for (int64_t begin = 0, end; begin < row; begin = end) {
        end = begin + 1;
        const Span w = covered_by(shape, 2, begin);
        if (w.size() > kTile) {
          y[begin] = pool_wide<T, Reduce>(shape, x, d, h, w);
          continue;
        }
        while (end < row && covered_by(shape, 2, end).end - w.begin <= kTile) ++end;
        pool_columns<T, Reduce>(shape, x, d, h, begin, end, y);
      }
    }
  }
}

template <template <typename> typename Reduce>
std::unique_ptr<Kernel> prepare_pool(const PrepareContext& context) {
  return dispatch(FloatTypes{}, context.inputs[0].dtype, [&]<typename T>() {
    const PoolShape shape = pool_shape(context.args, context.inputs[0].shape);
    const bool last = are_channels_last(shape.order, {&context.inputs[0], &context.outputs[0]});
    return make_kernel([shape, last, width = context.width](OpContext& op) {
      const T* x = op.input<T>(0);
      T* y = op.output<T>(0);
      if (last) return pool_channels_last<T, Reduce>(shape, width, x, y);
      for_parts(
          width, shape.x.n * shape.x.c,
          [&](int64_t begin, int64_t end) {
            for (int64_t plane = begin; plane < end; ++plane) {
              pool_plane<T, Reduce>(shape, x + plane * shape.x.pixels(),
                                    y + plane * shape.y.pixels());
            }
          },
          1);
    });
  });
}

const RegisterCpuKernel max_pool_cpu("MaxPool", prepare_pool<Max>);
const RegisterCpuKernel average_pool_cpu("AveragePool", prepare_pool<Average>);

}  // namespace
}  // namespace headrace
