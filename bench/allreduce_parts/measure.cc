#include "bench/allreduce_parts/measure.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include <sys/resource.h>

namespace headrace::bench {
namespace {

using Clock = std::chrono::steady_clock;

/// From here on what happens between two calls takes longer than meeting does.
constexpr size_t kLong = size_t{64} << 10;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Small integers, so that sums are exact in any order.
float operand(int rank, size_t i) {
  return static_cast<float>((i * 5 + static_cast<size_t>(rank) * 3) % 17);
}

Measured measure_size(Contender& contender, size_t bytes, const MeasureOptions& options) {
  const size_t count = bytes / sizeof(float);
  std::vector<float> source(count), expected(count), data(count);
  for (size_t i = 0; i < count; ++i) {
    source[i] = operand(contender.rank(), i);
    for (int r = 0; r < contender.size(); ++r) expected[i] += operand(r, i);
  }
  contender.prepare(data.data(), count);
  bool correct = true;
  auto call = [&] {
    if (count > 0) std::memcpy(data.data(), source.data(), bytes);
    if (bytes > kLong) contender.sum(0);
    const auto begin = Clock::now();
    contender.run();
    const double took = seconds_since(begin);
    // Who is ready first does not take a core from those that are not, to check its result.
    if (bytes > kLong) contender.sum(0);
    correct = correct && (count == 0 || !contender.sums() ||
                          std::memcmp(data.data(), expected.data(), bytes) == 0);
    return took;
  };

  // Ranks do the same number of calls: rank 0 says when it is enough.
  const auto began = Clock::now();
  size_t warm = 0;
  do {
    for (int i = 0; i < 3; ++i) call();
    warm += 3;
  } while (warm < 300 && agree(contender, seconds_since(began)) < options.seconds / 10);
  const double one = agree(contender, seconds_since(began) / static_cast<double>(warm));
  const auto calls = static_cast<size_t>(
      std::clamp(options.seconds / one, 5.0, static_cast<double>(options.most_calls)));
  std::vector<double> times;
  for (size_t i = 0; i < calls; ++i) times.push_back(call());
  std::sort(times.begin(), times.end());

  std::fill(data.begin(), data.end(), 0.0f);
  contender.sum(0);
  const double cpu_began = cpu_seconds();
  for (size_t i = 0; i < calls; ++i) contender.run();
  const double cpu = contender.sum(cpu_seconds() - cpu_began) / static_cast<double>(calls);

  auto at = [&](double fraction) {
    return times[std::min(times.size() - 1,
                          static_cast<size_t>(fraction * static_cast<double>(times.size())))];
  };
  Measured measured{.bytes = bytes,
                    .calls = calls,
                    .min = times.front(),
                    .p50 = at(0.5),
                    .p99 = at(0.99),
                    .cpu = cpu,
                    .correct = contender.sums() ? std::optional(contender.sum(correct ? 0 : 1) == 0)
                                                : std::nullopt,
                    .algorithm = contender.algorithm()};
  contender.release();
  return measured;
}

}  // namespace

std::vector<Measured> measure(Contender& contender, const MeasureOptions& options) {
  std::vector<Measured> all;
  for (const size_t bytes : options.sizes) all.push_back(measure_size(contender, bytes, options));
  return all;
}

}  // namespace headrace::bench
