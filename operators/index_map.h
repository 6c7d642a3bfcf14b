#pragma once

#include <algorithm>
#include <cstdint>

#include "core/shape.h"
#include "operators/image.h"
#include "operators/parts.h"
#include "operators/scratch.h"

namespace headrace {

/// Tensors whose elements are those of another one, picked by row and by column: element
/// (o, r, c, i) of the target is (o, row_of(r), col_of(c), i) of the source, or a filling where
/// either is negative. A slice, tiles, a padded or resized image are such targets.
struct IndexMap {
  int64_t outer = 1;
  int64_t source_rows = 1, rows = 1;
  int64_t source_cols = 1, cols = 1;
  int64_t inner = 1;

  /// Along one axis; the shapes are equal in all others.
  static IndexMap along(const Shape& source, const Shape& target, int axis) {
    return along(source.product(0, axis), source[axis], target[axis],
                 source.product(axis + 1, source.rank()));
  }
  /// Where elements are single, the picked axis is that of the columns.
  static IndexMap along(int64_t outer, int64_t source, int64_t target, int64_t inner) {
    if (inner == 1) return {.outer = outer, .source_cols = source, .cols = target};
    return {.outer = outer, .source_rows = source, .rows = target, .inner = inner};
  }
  /// Height and width of images with two spatial axes.
  static IndexMap of_images(const ImageShape& source, const ImageShape& target,
                            bool channels_last) {
    return {.outer = channels_last ? source.n : source.n * source.c,
            .source_rows = source.size[1],
            .rows = target.size[1],
            .source_cols = source.size[2],
            .cols = target.size[2],
            .inner = channels_last ? source.c : 1};
  }

  /// What copy_mapped() and add_mapped() need.
  size_t scratch_bytes() const {
    return static_cast<size_t>(2 * rows + cols + source_rows + 1) * sizeof(int64_t);
  }
};

/// The target from the source, in parallel. row_of and col_of may throw.
template <typename T, typename RowOf, typename ColOf>
void copy_mapped(const IndexMap& map, int width, void* scratch, const T* source, T* target, T fill,
                 RowOf row_of, ColOf col_of) {
  auto* rows = static_cast<int64_t*>(scratch);
  int64_t* cols = rows + map.rows;
  for (int64_t r = 0; r < map.rows; ++r) rows[r] = row_of(r);
  for (int64_t c = 0; c < map.cols; ++c) cols[c] = col_of(c);
  const int64_t length = map.cols * map.inner;
  for_parts(
      width, map.outer * map.rows,
      [&](int64_t begin, int64_t end) {
        for (int64_t at = begin; at < end; ++at) {
          T* to = target + at * length;
          const int64_t row = rows[at % map.rows];
          if (row < 0) {
            std::fill_n(to, length, fill);
            continue;
          }
          const T* from =
              source + (at / map.rows * map.source_rows + row) * map.source_cols * map.inner;
          for (int64_t c = 0; c < map.cols; ++c, to += map.inner) {
            if (cols[c] < 0) {
              std::fill_n(to, map.inner, fill);
            } else if (map.inner == 1) {
              *to = from[cols[c]];
            } else {
              std::copy_n(from + cols[c] * map.inner, map.inner, to);
            }
          }
        }
      },
      /*grain=*/1);
}

/// The other way, for gradients: each element of the source becomes the sum of those of the target
/// that it was picked for. They are added in the order of the target, at any width.
template <typename T, typename RowOf, typename ColOf>
void add_mapped(const IndexMap& map, int width, void* scratch, const T* target, T* source,
                RowOf row_of, ColOf col_of) {
  auto* rows = static_cast<int64_t*>(scratch);
  int64_t* cols = rows + map.rows;
  // The rows of the target in the order of the rows of the source they come from.
  int64_t* sorted = cols + map.cols;
  int64_t* starts = sorted + map.rows;
  std::fill_n(starts, map.source_rows + 1, int64_t{0});
  for (int64_t r = 0; r < map.rows; ++r) {
    rows[r] = row_of(r);
    if (rows[r] >= 0) ++starts[rows[r] + 1];
  }
  for (int64_t s = 0; s < map.source_rows; ++s) starts[s + 1] += starts[s];
  for (int64_t r = 0; r < map.rows; ++r) {
    if (rows[r] >= 0) sorted[starts[rows[r]]++] = r;
  }
  // Each start has moved on to the next one's place.
  for (int64_t s = map.source_rows; s > 0; --s) starts[s] = starts[s - 1];
  starts[0] = 0;
  for (int64_t c = 0; c < map.cols; ++c) cols[c] = col_of(c);
  const int64_t length = map.source_cols * map.inner;
  for_parts(
      width, map.outer * map.source_rows,
      [&](int64_t begin, int64_t end) {
        for (int64_t at = begin; at < end; ++at) {
          T* to = source + at * length;
          std::fill_n(to, length, T{0});
          const int64_t o = at / map.source_rows, s = at % map.source_rows;
          for (int64_t k = starts[s]; k < starts[s + 1]; ++k) {
            const T* from = target + (o * map.rows + sorted[k]) * map.cols * map.inner;
            for (int64_t c = 0; c < map.cols; ++c, from += map.inner) {
              if (cols[c] < 0) continue;
              T* sum = to + cols[c] * map.inner;
              for (int64_t i = 0; i < map.inner; ++i) sum[i] += from[i];
            }
          }
        }
      },
      /*grain=*/1);
}

/// Both with one function for the axis of IndexMap::along().
template <typename T, typename IndexOf>
void copy_along(const IndexMap& map, int width, void* scratch, const T* source, T* target,
                IndexOf index_of) {
  const bool in_cols = map.inner == 1;
  auto same = [](int64_t i) { return i; };
  if (in_cols) return copy_mapped(map, width, scratch, source, target, T{}, same, index_of);
  copy_mapped(map, width, scratch, source, target, T{}, index_of, same);
}
template <typename T, typename IndexOf>
void add_along(const IndexMap& map, int width, void* scratch, const T* target, T* source,
               IndexOf index_of) {
  const bool in_cols = map.inner == 1;
  auto same = [](int64_t i) { return i; };
  if (in_cols) return add_mapped(map, width, scratch, target, source, same, index_of);
  add_mapped(map, width, scratch, target, source, index_of, same);
}

}  // namespace headrace
