#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/index_map.h"
#include "operators/resize_shape.h"

namespace headrace {
namespace {

const RegisterOperator upsample_bilinear(
    resize_schema("UpsampleBilinear",
                  "An image of other height and width (rounded down), interpolated linearly along "
                  "both; the corner pixels of X and Y lie on each other.")
        .differs("`order` is respected; Caffe2 takes every image for NCHW."));
const RegisterOperator upsample_bilinear_gradient(resize_gradient_schema(
    "UpsampleBilinear",
    "The gradient of each pixel of Y, shared out among the four it was made from."));

/// What a target pixel is made of along one axis: (1 - weight) of `low` and weight of `high`.
template <typename T>
struct Blend {
  int64_t low, high;
  T weight;
};

template <typename T>
Blend<T> blend_of(int64_t i, int64_t source, int64_t target) {
  const T step = target > 1 ? static_cast<T>(source - 1) / static_cast<T>(target - 1) : T{0};
  const T at = step * static_cast<T>(i);
  const int64_t low = std::min(static_cast<int64_t>(at), source - 1);
  return {low, std::min(low + 1, source - 1), at - static_cast<T>(low)};
}

/// Blends of all columns, which every row uses again.
template <typename T>
const Blend<T>* column_blends(const IndexMap& map, void* scratch) {
  auto* blends = static_cast<Blend<T>*>(scratch);
  for (int64_t c = 0; c < map.cols; ++c) blends[c] = blend_of<T>(c, map.source_cols, map.cols);
  return blends;
}

template <typename T>
void interpolate(const IndexMap& map, int width, void* scratch, const T* x, T* y) {
  const Blend<T>* cols = column_blends<T>(map, scratch);
  for_parts(
      width, map.outer * map.rows,
      [&](int64_t begin, int64_t end) {
        for (int64_t at = begin; at < end; ++at) {
          const Blend<T> row = blend_of<T>(at % map.rows, map.source_rows, map.rows);
          const T* image = x + at / map.rows * map.source_rows * map.source_cols * map.inner;
          const T* low = image + row.low * map.source_cols * map.inner;
          const T* high = image + row.high * map.source_cols * map.inner;
          T* to = y + at * map.cols * map.inner;
          for (int64_t c = 0; c < map.cols; ++c) {
            const int64_t left = cols[c].low * map.inner, right = cols[c].high * map.inner;
            const T weight = cols[c].weight;
            for (int64_t i = 0; i < map.inner; ++i) {
              const T top = (T{1} - weight) * low[left + i] + weight * low[right + i];
              const T bottom = (T{1} - weight) * high[left + i] + weight * high[right + i];
              *to++ = (T{1} - row.weight) * top + row.weight * bottom;
            }
          }
        }
      },
      /*grain=*/1);
}

template <typename T>
void share_out(const IndexMap& map, int width, void* scratch, const T* dy, T* dx) {
  const Blend<T>* cols = column_blends<T>(map, scratch);
  const int64_t pixels = map.source_rows * map.source_cols;
  for_parts(
      width, map.outer,
      [&](int64_t begin, int64_t end) {
        std::fill(dx + begin * pixels * map.inner, dx + end * pixels * map.inner, T{0});
        for (int64_t at = begin * map.rows; at < end * map.rows; ++at) {
          const Blend<T> row = blend_of<T>(at % map.rows, map.source_rows, map.rows);
          T* image = dx + at / map.rows * pixels * map.inner;
          T* low = image + row.low * map.source_cols * map.inner;
          T* high = image + row.high * map.source_cols * map.inner;
          const T* from = dy + at * map.cols * map.inner;
          for (int64_t c = 0; c < map.cols; ++c) {
            const int64_t left = cols[c].low * map.inner, right = cols[c].high * map.inner;
            const T weight = cols[c].weight;
            for (int64_t i = 0; i < map.inner; ++i) {
              const T top = (T{1} - row.weight) * *from, bottom = row.weight * *from;
              ++from;
              low[left + i] += (T{1} - weight) * top;
              low[right + i] += weight * top;
              high[left + i] += (T{1} - weight) * bottom;
              high[right + i] += weight * bottom;
            }
          }
        }
      },
      /*grain=*/1);
}

IndexMap blend_map(const PrepareContext& prepare, const TensorDesc& x, const TensorDesc& y) {
  const IndexMap map = resize_map(prepare.args, x, y);
  require(map.source_rows * map.source_cols > 0 || map.rows * map.cols == 0,
          ErrorCode::kShapeMismatch, "there is nothing to interpolate in {}", x.shape.to_string());
  return map;
}

const RegisterCpuKernel bilinear_cpu("UpsampleBilinear", [](const PrepareContext& prepare) {
  const IndexMap map = blend_map(prepare, prepare.inputs[0], prepare.outputs[0]);
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel(
        [map, width = prepare.width](OpContext& context) {
          interpolate(map, width, context.scratch, context.input<T>(0), context.output<T>(0));
        },
        static_cast<size_t>(map.cols) * sizeof(Blend<T>));
  });
});
const RegisterCpuKernel bilinear_gradient_cpu(
    "UpsampleBilinearGradient", [](const PrepareContext& prepare) {
      const IndexMap map = blend_map(prepare, prepare.outputs[0], prepare.inputs[0]);
      return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
        return make_kernel(
            [map, width = prepare.width](OpContext& context) {
              share_out(map, width, context.scratch, context.input<T>(0), context.output<T>(0));
            },
            static_cast<size_t>(map.cols) * sizeof(Blend<T>));
      });
    });

}  // namespace
}  // namespace headrace
