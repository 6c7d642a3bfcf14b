#include "core/trace.h"

#include <bit>
#include <thread>
#include <utility>

#include "core/error.h"

namespace headrace {

namespace {

constexpr std::int64_t kCalibrationNs = 10'000'000;
constexpr std::size_t kRunsKept = 1 << 14;

template <typename Clock>
std::int64_t ns_of() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch())
      .count();
}

}  // namespace

TraceRing::TraceRing(std::size_t capacity)
    : events_(std::make_unique<TraceEvent[]>(capacity)), mask_(capacity - 1) {
  require(std::has_single_bit(capacity), ErrorCode::kInternal,
          "the capacity of a trace ring must be a power of two, not {}", capacity);
}

std::vector<TraceEvent> TraceRing::events() const {
  std::vector<TraceEvent> kept;
  kept.reserve(static_cast<std::size_t>(written_ - dropped()));
  for (std::uint64_t i = dropped(); i < written_; ++i) kept.push_back(events_[i & mask_]);
  return kept;
}

TraceRecorder::TraceRecorder(TraceOptions options)
    : options_(options), runs_(kRunsKept), start_(anchor()) {
  require(options.workers >= 1, ErrorCode::kInvalidArgument, "a trace of {} workers",
          options.workers);
  require(options.events_per_worker >= 1 && options.events_per_worker <= (std::size_t{1} << 32),
          ErrorCode::kInvalidArgument, "a trace keeps 1 to 2^32 events per worker, not {}",
          options.events_per_worker);
  for (int i = 0; i < options.workers; ++i) {
    rings_.emplace_back(std::bit_ceil(options.events_per_worker));
  }
}

void TraceRecorder::begin_run() {
  require(!recording_.exchange(true), ErrorCode::kState,
          "this trace is recording a run already; give each run that may overlap its own");
  run_begin_ = TraceClock::now();
}

void TraceRecorder::end_run() {
  const auto number = static_cast<std::int32_t>(runs_.written());
  runs_.record(run_begin_, TraceClock::now(), number, TraceKind::kCompute);
  recording_ = false;
}

std::uint64_t TraceRecorder::dropped() const {
  std::uint64_t total = runs_.dropped();
  for (const TraceRing& ring : rings_) total += ring.dropped();
  return total;
}

TraceRecorder::Anchor TraceRecorder::anchor() {
  // The clocks cannot be read at one instant: of some tries, the one with the least time between
  // the readings of the counter is the best.
  Anchor best = {};
  std::uint64_t shortest = ~std::uint64_t{0};
  for (int i = 0; i < 5; ++i) {
    const std::uint64_t before = TraceClock::now();
    const std::int64_t steady = ns_of<std::chrono::steady_clock>();
    const std::int64_t unix = ns_of<std::chrono::system_clock>();
    const std::uint64_t after = TraceClock::now();
    if (after - before < shortest) {
      shortest = after - before;
      best = {before + (after - before) / 2, steady, unix};
    }
  }
  return best;
}

TraceScale TraceRecorder::calibrate() const {
  const std::int64_t age = ns_of<std::chrono::steady_clock>() - start_.steady_ns;
  if (age < kCalibrationNs) {
    std::this_thread::sleep_for(std::chrono::nanoseconds(kCalibrationNs - age));
  }
  const Anchor now = anchor();
  return {.origin_ticks = start_.ticks,
          .origin_unix_ns = start_.unix_ns,
          .ns_per_tick = static_cast<double>(now.steady_ns - start_.steady_ns) /
                         static_cast<double>(now.ticks - start_.ticks)};
}

}  // namespace headrace
