#include "comm/measure.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "comm/reduce.h"
#include "core/error.h"

namespace headrace::comm {
namespace {

using std::chrono::steady_clock;

// The lowest tenth: what else runs on the machine is in the others.
template <typename Action>
double seconds_of(int repeats, Action action) {
  std::vector<double> times;
  for (int i = 0; i < repeats + 1; ++i) {
    const auto start = steady_clock::now();
    action();
    const double seconds = std::chrono::duration<double>(steady_clock::now() - start).count();
    if (i > 0) times.push_back(seconds);  // the first touches memory and fills caches
  }
  const auto tenth = times.begin() + static_cast<ptrdiff_t>(times.size() / 10);
  std::ranges::nth_element(times, tenth);
  return *tenth;
}

}  // namespace

Cost measure(Group& pair, const MeasureOptions& options) {
  require(pair.size() == 2, ErrorCode::kInvalidArgument,
          "costs are measured between two ranks, not {}", pair.size());
  require(options.repeats > 0 && options.longest >= 4096, ErrorCode::kInvalidArgument,
          "measuring takes at least one message, of at least 4096 bytes");
  std::vector<float> values(options.longest / sizeof(float), 1.0f);
  const Region region(pair, values.data(), values.size() * sizeof(float));
  // A broadcast between two is one message; there and back it is a round trip.
  const auto round_trip = [&](size_t count) {
    Collective collective{.kind = Kind::kBroadcast,
                          .algorithm = Algorithm::kTree,
                          .data = values.data(),
                          .count = count,
                          .name = "tune"};
    for (collective.root = 0; collective.root < 2; ++collective.root) pair.run(collective);
  };
  Cost cost;
  cost.alpha = seconds_of(10 * options.repeats, [&] { round_trip(1); }) / 2;
  const double longest = seconds_of(options.repeats, [&] { round_trip(values.size()); }) / 2;
  cost.beta = std::max(0.0, longest - cost.alpha) / static_cast<double>(options.longest);
  const std::vector<float> other(values.size(), 0.0f);
  cost.gamma = seconds_of(options.repeats,
                          [&] {
                            reduce(DType::kFloat32, Reduction::kSum, values.data(), other.data(),
                                   values.size(), false);
                          }) /
               static_cast<double>(options.longest);
  return cost;
}

}  // namespace headrace::comm
