#include "bench/allreduce_parts/measure.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include <fmt/format.h>
#include <sys/resource.h>

#include "core/error.h"

namespace headrace::bench {
namespace {

using Clock = std::chrono::steady_clock;
using comm::Algorithm;
using comm::Collective;
using comm::Group;

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

Algorithm parse_algorithm(const std::string& name) {
  if (name.empty()) return Algorithm::kChoose;
  for (int i = 0; i <= static_cast<int>(Algorithm::kDirect); ++i) {
    if (comm::name_of(static_cast<Algorithm>(i)) == name) return static_cast<Algorithm>(i);
  }
  fail(ErrorCode::kInvalidArgument, "there is no algorithm '{}'", name);
}

/// Small integers, so that sums are exact in any order.
float operand(int rank, size_t i) {
  return static_cast<float>((i * 5 + static_cast<size_t>(rank) * 3) % 17);
}

/// The number that rank 0 has, for all.
double agree(Group& group, double value) {
  group.run({.kind = comm::Kind::kBroadcast,
             .dtype = DType::kFloat64,
             .data = &value,
             .count = 1,
             .name = "agree"});
  return value;
}

double sum(Group& group, double value) {
  group.run({.dtype = DType::kFloat64, .data = &value, .count = 1, .name = "sum"});
  return value;
}

Measured measure_size(Group& group, Collective collective, const MeasureOptions& options) {
  const size_t count = collective.count;
  std::vector<float> source(count), expected(count), data(count);
  for (size_t i = 0; i < count; ++i) {
    source[i] = operand(group.rank(), i);
    for (int r = 0; r < group.size(); ++r) expected[i] += operand(r, i);
  }
  collective.data = data.data();
  const size_t bytes = count * sizeof(float);
  bool correct = true;
  auto call = [&] {
    if (bytes > 0) std::memcpy(data.data(), source.data(), bytes);
    const auto begin = Clock::now();
    group.run(collective);
    const double took = seconds_since(begin);
    correct = correct && (bytes == 0 || std::memcmp(data.data(), expected.data(), bytes) == 0);
    return took;
  };

  // Ranks do the same number of calls: rank 0 says when it is enough.
  const auto began = Clock::now();
  size_t warm = 0;
  do {
    for (int i = 0; i < 3; ++i) call();
    warm += 3;
  } while (warm < 300 && agree(group, seconds_since(began)) < options.seconds / 10);
  group.barrier();
  const double one = agree(group, seconds_since(began) / static_cast<double>(warm));
  const auto calls = static_cast<size_t>(
      std::clamp(options.seconds / one, 5.0, static_cast<double>(options.most_calls)));
  std::vector<double> times;
  for (size_t i = 0; i < calls; ++i) times.push_back(call());
  std::sort(times.begin(), times.end());

  std::fill(data.begin(), data.end(), 0.0f);
  group.barrier();
  const double cpu_began = cpu_seconds();
  for (size_t i = 0; i < calls; ++i) group.run(collective);
  const double cpu = sum(group, cpu_seconds() - cpu_began) / static_cast<double>(calls);

  auto at = [&](double fraction) {
    return times[std::min(times.size() - 1,
                          static_cast<size_t>(fraction * static_cast<double>(times.size())))];
  };
  collective.algorithm = collective.algorithm == Algorithm::kChoose
                             ? group.choice(collective).algorithm
                             : collective.algorithm;
  return {.bytes = bytes,
          .calls = calls,
          .min = times.front(),
          .p50 = at(0.5),
          .p99 = at(0.99),
          .cpu = cpu,
          .correct = sum(group, correct ? 0 : 1) == 0,
          .algorithm = std::string(comm::name_of(collective.algorithm))};
}

}  // namespace

std::vector<Measured> measure(Group& group, const MeasureOptions& options) {
  std::vector<Measured> all;
  for (const size_t bytes : options.sizes) {
    all.push_back(measure_size(group,
                               {.algorithm = parse_algorithm(options.algorithm),
                                .count = bytes / sizeof(float),
                                .segment = options.segment,
                                .name = "bench"},
                               options));
  }
  return all;
}

}  // namespace headrace::bench
