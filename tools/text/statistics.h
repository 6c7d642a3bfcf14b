#pragma once

#include <vector>

namespace headrace::tools {

/// Of a sample that is not empty; percentiles interpolate linearly between order statistics.
struct Statistics {
  double min = 0;
  double mean = 0;
  double median = 0;
  double p90 = 0;
  double p95 = 0;
  double p99 = 0;
  double p999 = 0;
  double max = 0;
  double deviation = 0;  // of the sample; 0 for one value
};

Statistics statistics_of(std::vector<double> values);

double median_of(std::vector<double> values);

}  // namespace headrace::tools
