#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "data/image_batch.h"
#include "data/sample_stream.h"

namespace headrace {

/// Makes numbered batches on a thread of its own, ahead of whoever takes them. One thread at a time
/// takes. The thread starts with the object and inherits the CPUs its maker may use: make a
/// Prefetcher before anything pins the calling thread.
class Prefetcher {
 public:
  /// `fill` makes batch `number` in the tensors of an older one. It runs on that thread.
  using Fill = std::function<void(int64_t number, Batch& batch)>;
  /// Up to `ahead` batches are made before they are asked for. Throws kInvalidArgument below 1.
  explicit Prefetcher(Fill fill, int ahead = 1);
  ~Prefetcher();
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  /// Batch `number`, and then goes on with those behind it unless it is the `last`. Valid until
  /// `ahead` more were taken, or one that does not follow the one before. Throws what `fill` has
  /// thrown.
  const Batch& take(int64_t number, bool last = false);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct TrainingOrder {
  uint64_t seed = 1;
  BatchCut cut;
  Augmentation augmentation;
};

/// The training batches of a data set in the order of SampleStream, any of them at any time.
class TrainingBatches {
 public:
  TrainingBatches(const DataSet& data, const TrainingOrder& order, int ahead = 1);

  /// Batch `number` of the cut, that of an iteration unless it has micro-batches. See
  /// Prefetcher::take().
  const Batch& take(int64_t number) { return prefetcher_.take(number); }

 private:
  Prefetcher prefetcher_;
};

/// All images of a source once, in order; the last batch holds what is left.
class EvaluationBatches {
 public:
  EvaluationBatches(const std::shared_ptr<const DataSource>& source,
                    const Normalisation& normalisation, int batch);

  int64_t count() const { return count_; }
  /// Batch `number`, in [0, count()), valid until the next call.
  /// With `last` no further one is read ahead.
  const Batch& take(int64_t number, bool last = false) {
    return prefetcher_.take(number, last || number + 1 == count_);
  }

 private:
  int64_t count_;
  Prefetcher prefetcher_;
};

}  // namespace headrace
