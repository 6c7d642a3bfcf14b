#include "operators/few_rows.h"

#include "core/error.h"
#include "operators/parts.h"

namespace headrace {
namespace {

constexpr int kStreams = 4;       // rows of B that are read side by side
constexpr int64_t kLanes = 16;    // partial sums per element of C
constexpr int64_t kAhead = 2048;  // bytes: what is fetched early, across the end of a page

/// M rows of A times R rows of B.
template <int M, int R>
void block(int64_t k, int64_t n, const float* a, const float* b, const float* bias, float* c) {
  float sums[M][R][kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= k; i += kLanes) {
    for (int row = 0; row < R; ++row) __builtin_prefetch(b + row * k + i + kAhead / sizeof(float));
    for (int row = 0; row < M; ++row) {
      for (int column = 0; column < R; ++column) {
        for (int lane = 0; lane < kLanes; ++lane) {
          sums[row][column][lane] += a[row * k + i + lane] * b[column * k + i + lane];
        }
      }
    }
  }
  for (int row = 0; row < M; ++row) {
    for (int column = 0; column < R; ++column) {
      float* lanes = sums[row][column];
      for (int64_t rest = i; rest < k; ++rest) {
        lanes[rest - i] += a[row * k + rest] * b[column * k + rest];
      }
      for (int64_t half = kLanes / 2; half > 0; half /= 2) {
        for (int64_t lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
      }
      c[row * n + column] = lanes[0] + (bias == nullptr ? 0 : bias[column]);
    }
  }
}

template <int M>
void rows(int64_t k, int64_t n, const float* a, const float* b, const float* bias, float* c,
          int width) {
  for_parts(
      width, n,
      [&](int64_t begin, int64_t end) {
        const auto bias_at = [bias](int64_t i) { return bias == nullptr ? nullptr : bias + i; };
        int64_t i = begin;
        for (; i + kStreams <= end; i += kStreams) {
          block<M, kStreams>(k, n, a, b + i * k, bias_at(i), c + i);
        }
        for (; i < end; ++i) block<M, 1>(k, n, a, b + i * k, bias_at(i), c + i);
      },
      16);
}

}  // namespace

void few_rows_product(int64_t m, int64_t k, int64_t n, const float* a, const float* b,
                      const float* bias, float* c, int width) {
  require(m == 1 || m == 2, ErrorCode::kInternal, "a product of few rows has 1 or 2, not {}", m);
  if (m == 1) {
    rows<1>(k, n, a, b, bias, c, width);
  } else {
    rows<2>(k, n, a, b, bias, c, width);
  }
}

}  // namespace headrace
