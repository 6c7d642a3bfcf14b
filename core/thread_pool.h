#pragma once

#include <memory>
#include <utility>

#include "core/function_ref.h"

namespace headrace {

/// How wide the pool is and where its threads sit.
struct ThreadPoolOptions {
  int threads = 0;   // threads that compute, the calling one included; 0: one per CPU allowed
  bool pin = false;  // the constructing thread and every worker get a CPU of their own
};

/// The one pool of compute threads: oneTBB's workers. Operators that run side by side (a Crew) and
/// the parts of one operator (parallel_for) share them, so the machine is never oversubscribed.
///
/// Thread-safe. A pool outlives its crews. Pools share the workers of the process: a second pool
/// is another view of them, not a second set. With `pin` the constructing thread is bound to the
/// first CPU of its affinity mask until the pool is destroyed on that same thread.
class ThreadPool {
 public:
  explicit ThreadPool(ThreadPoolOptions options = {});
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /// The pool of the process, made at first use: what a library user gets who never asks for one.
  static ThreadPool& process();

  /// Options of process(). Throws Error (kState) once process() has been used.
  static void configure_process(ThreadPoolOptions options);

  int threads() const;
  bool pinned() const;

  /// Runs `body` on this thread as one of `width` threads: a oneDNN primitive created inside is
  /// made for that width, and one of that width may be executed inside. While it waits inside, the
  /// thread takes only work that `body` itself made. A width above threads(), as of a plan that was
  /// made on a larger machine, gives the same results on the threads there are.
  void run_at_width(int width, function_ref<void()> body);

 private:
  friend class Crew;
  friend class Binding;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A team for one job: the thread that calls execute() and up to width - 1 workers, which come when
/// invited and leave when there is nothing to do. Crews have separate queues: a thread that waits
/// in one never picks up another's work, and a caller always gets into its own crew.
///
/// One execute() at a time. invite() and open() may be called by any member, invite_from_outside()
/// and open() by any thread while execute() runs.
class Crew {
 public:
  Crew(ThreadPool& pool, int width);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  int width() const;

  /// A call with one argument that fits in two words; the crew keeps no reference to anything else.
  struct Job {
    void (*call)(void* argument);
    void* argument;
  };

  /// Runs `body` on this thread as a member of the crew.
  void execute(function_ref<void()> body);

  /// Asks for one worker to run `job`, which must not throw. It may come late, or the thread in
  /// wait() or retire() may run it instead.
  void invite(Job job);
  void invite_from_outside(Job job);

  /// Waiting for an event, inside execute(): arm(), check once more that there is a reason to wait,
  /// then wait(), which runs the crew's jobs, and the parts of its members' parallel loops, until
  /// some thread calls open(). disarm() instead of wait() when the reason has gone.
  void arm();
  void disarm();
  void wait();

  /// Ends the wait that has been armed. False when none is, or another thread has just ended it.
  bool open();

  /// Returns when every job invited so far has run. Inside execute().
  void retire();

  /// Index of this thread in the crew it works for, in [0, width); no two threads of a crew share
  /// one at a time.
  static int worker();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// ThreadPool::run_at_width() of the pool whose crew the caller belongs to, or else of process().
void run_at_width(int width, function_ref<void()> body);

/// Runs body(0) ... body(parts - 1), each once, on the threads of the crew the caller belongs to,
/// and returns when all have run. Which thread runs a part is not determined, so results must
/// depend on the parts alone. While it waits, the thread takes only parts of this loop. The first
/// exception is rethrown, and parts that have not begun by then are skipped.
void parallel_for(int parts, function_ref<void(int part)> body);

/// Part `part` of `parts` nearly equal ones of [0, n): the half-open range [first, second). The
/// first n % parts ones are longer by one.
template <typename Int>
constexpr std::pair<Int, Int> part_range(Int n, int parts, int part) {
  const Int size = n / parts;
  const Int longer = n % parts;
  const Int first = size * part + (part < longer ? part : longer);
  return {first, first + size + (part < longer ? 1 : 0)};
}

}  // namespace headrace
