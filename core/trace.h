#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace headrace {

/// What the time between two stamps was spent on.
enum class TraceKind : std::int32_t {
  kCompute,   // a kernel, on a compute thread
  kAsync,     // from the start of an asynchronous node to its completion
  kBlocking,  // a node on the blocking service
};

/// One execution of one node. Stamps are ticks of the recorder's clock (TraceClock).
struct TraceEvent {
  std::uint64_t begin;
  std::uint64_t end;
  std::int32_t node;
  TraceKind kind;
};

/// The recorder's clock: the cheapest counter the CPU has that runs at a constant rate on all cores
/// (x86: the invariant time stamp counter; ARM: the virtual counter).
struct TraceClock {
  static std::uint64_t now() {
#if defined(__x86_64__)
    return __rdtsc();
#elif defined(__aarch64__)
    std::uint64_t ticks;
    asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#else
    return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
  }
};

/// The last `capacity` events of one worker; older ones are overwritten and counted as dropped.
/// One writer at a time; read only while nobody writes.
class TraceRing {
 public:
  explicit TraceRing(std::size_t capacity);  // a power of two

  void record(std::uint64_t begin, std::uint64_t end, std::int32_t node, TraceKind kind) {
    events_[written_++ & mask_] = {begin, end, node, kind};
  }

  std::uint64_t written() const { return written_; }
  std::uint64_t dropped() const { return written_ > mask_ + 1 ? written_ - (mask_ + 1) : 0; }

  /// The events kept, oldest first.
  std::vector<TraceEvent> events() const;

 private:
  std::unique_ptr<TraceEvent[]> events_;
  std::size_t mask_;
  std::uint64_t written_ = 0;
};

struct TraceOptions {
  int workers = 1;
  std::size_t events_per_worker = std::size_t{1} << 16;  // rounded up to a power of two
  /// By default a worker's stamp at the end of a node is also the beginning of its next one: one
  /// reading of the clock per node, and what the executor spends between them is counted with the
  /// second. True reads the clock twice, and the gaps are the executor's own time.
  bool separate_stamps = false;
};

/// What the ticks of the clock mean in time.
struct TraceScale {
  std::uint64_t origin_ticks;
  std::int64_t origin_unix_ns;  // nanoseconds since the Unix epoch at origin_ticks
  double ns_per_tick;

  /// Nanoseconds from the origin to `ticks`; negative before it.
  double since_origin_ns(std::uint64_t ticks) const {
    return static_cast<double>(static_cast<std::int64_t>(ticks - origin_ticks)) * ns_per_tick;
  }
  std::int64_t unix_ns(std::uint64_t ticks) const {
    return origin_unix_ns + static_cast<std::int64_t>(since_origin_ns(ticks));
  }
};

/// The recorder of one executor: a ring per worker, and the runs. Records nothing but stamps; names
/// come in when the trace is exported. Used by one run at a time; read it between runs.
class TraceRecorder {
 public:
  explicit TraceRecorder(TraceOptions options);

  bool separate_stamps() const { return options_.separate_stamps; }
  int workers() const { return static_cast<int>(rings_.size()); }
  TraceRing& worker(int index) { return rings_[static_cast<std::size_t>(index)]; }
  const TraceRing& worker(int index) const { return rings_[static_cast<std::size_t>(index)]; }

  /// Brackets one run, on the thread that asks for it. Throws Error (kState) when a run is being
  /// recorded already.
  void begin_run();
  void end_run();

  /// Runs recorded, oldest first; `node` is the number of the run, counted from 0.
  std::vector<TraceEvent> runs() const { return runs_.events(); }

  /// Events overwritten because a ring was full.
  std::uint64_t dropped() const;

  /// The scale of the stamps, measured over the life of the recorder and at least over 10 ms: a
  /// younger recorder makes the caller wait for that.
  TraceScale calibrate() const;

 private:
  struct Anchor {
    std::uint64_t ticks;
    std::int64_t steady_ns;
    std::int64_t unix_ns;
  };
  static Anchor anchor();

  TraceOptions options_;
  std::vector<TraceRing> rings_;
  TraceRing runs_;
  Anchor start_;
  std::uint64_t run_begin_ = 0;
  std::atomic<bool> recording_{false};
};

}  // namespace headrace
