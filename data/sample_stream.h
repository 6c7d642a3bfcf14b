#pragma once

#include <cstdint>

namespace headrace {

/// The order in which training sees a data set of `size` samples: one endless sequence, a
/// permutation for epoch 0, then one for epoch 1, and so on, each keyed by (seed, epoch). A pure
/// function of the position, so that a job that resumes needs nothing but a number. Thread-safe.
class SampleStream {
 public:
  /// Throws kInvalidArgument unless size >= 1.
  SampleStream(int64_t size, uint64_t seed);

  struct Draw {
    int64_t epoch = 0;
    int64_t index = 0;  // of the sample, in [0, size)
  };
  /// What comes at a position, which is >= 0.
  Draw at(int64_t position) const;

  int64_t size() const { return size_; }
  uint64_t seed() const { return seed_; }

 private:
  int64_t size_;
  uint64_t seed_;
};

/// How a stream is cut into batches for `world` workers, which take their samples of an iteration
/// in `micro_batches` of `batch` each: iteration t takes positions [t * samples(), (t + 1) *
/// samples()), worker `rank` its part of them, in order. Batches are always full, also across the
/// end of an epoch, and what an iteration takes as a whole does not depend on how it is cut.
struct BatchCut {
  int batch = 1;
  int rank = 0;
  int world = 1;
  int micro_batches = 1;

  /// Samples per iteration, of all workers.
  int64_t samples() const { return int64_t{batch} * world * micro_batches; }

  /// Position of this worker's first sample of a batch; batch t * micro_batches + a is micro-batch
  /// a of iteration t.
  int64_t first(int64_t number) const {
    const int64_t iteration = number / micro_batches;
    const int64_t micro_batch = number % micro_batches;
    return ((iteration * world + rank) * micro_batches + micro_batch) * batch;
  }
};

}  // namespace headrace
