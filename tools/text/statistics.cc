#include "tools/text/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"

namespace headrace::tools {
namespace {

double percentile(const std::vector<double>& sorted, double fraction) {
  const double place = fraction * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  const double weight = place - static_cast<double>(below);
  return sorted[below] * (1 - weight) + sorted[above] * weight;
}

void sort(std::vector<double>& values) {
  require(!values.empty(), ErrorCode::kInternal, "statistics of no values");
  std::ranges::sort(values);
}

}  // namespace

Statistics statistics_of(std::vector<double> values) {
  sort(values);
  const auto count = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return {.min = values.front(),
          .mean = mean,
          .median = percentile(values, 0.5),
          .p90 = percentile(values, 0.9),
          .p95 = percentile(values, 0.95),
          .p99 = percentile(values, 0.99),
          .p999 = percentile(values, 0.999),
          .max = values.back(),
          .deviation = values.size() > 1 ? std::sqrt(squares / (count - 1)) : 0};
}

double median_of(std::vector<double> values) {
  sort(values);
  return percentile(values, 0.5);
}

}  // namespace headrace::tools
