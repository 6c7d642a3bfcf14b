#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "net_builders/op_arg.h"

namespace headrace {

/// A length of training, in passes over the data; fractions are fine.
struct Epochs {
  double count = 0;
};
constexpr Epochs epochs(double count) { return {count}; }

/// Points in training, ascending.
struct Milestones {
  std::vector<double> epochs;
};
inline Milestones at_epochs(std::vector<double> epochs) { return {std::move(epochs)}; }

/// The learning rate over time. Reads like the paper it comes from (Goyal et al., "Accurate, Large
/// Minibatch SGD", sections 2.1 and 2.2):
///
///   linear_scaling(0.1, 256).warmup(epochs(5)).decay(0.1, at_epochs({30, 60, 80}))
///
/// A value; every method returns the schedule with one thing more. Epochs become iterations in the
/// LearningRate operator: the first iteration at or after so many epochs' worth of samples.
class LearningRateSchedule {
 public:
  /// Gradual warm-up: the rate grows by the same amount in each iteration, from `from` to the full
  /// rate. With linear scaling `from` is by default the reference rate, and a batch no larger than
  /// the reference batch has no warm-up; without it, `from` has to be given.
  LearningRateSchedule warmup(Epochs length, std::optional<float> from = {}) const;
  /// Constant warm-up: the rate is `from` for so long, then jumps. Default as above.
  LearningRateSchedule constant_warmup(Epochs length, std::optional<float> from = {}) const;

  /// Multiplies the rate by gamma at each milestone.
  LearningRateSchedule decay(float gamma, Milestones milestones) const;
  /// (1 - p)^power, p the part done of what follows the warm-up until `total` epochs; then and
  /// there the rate is `end` times the full one.
  LearningRateSchedule poly_decay(float power, Epochs total, float end = 0) const;
  /// Half a cosine, likewise.
  LearningRateSchedule cosine_decay(Epochs total, float end = 0) const;

  /// The full rate for batches of that many samples.
  float rate(int64_t batch) const;
  float reference_rate() const { return rate_; }
  /// 0 where the rate does not depend on the batch.
  int64_t reference_batch() const { return per_; }
  /// Whether the number of samples per epoch has to be known.
  bool counts_epochs() const;

  /// Arguments of the LearningRate operator. Throws kInvalidArgument where the parts do not fit
  /// together, or epoch_size is 0 though needed.
  std::vector<OpArg> args(int64_t batch, int64_t epoch_size) const;

 private:
  friend LearningRateSchedule fixed_rate(float rate);
  friend LearningRateSchedule linear_scaling(float rate, int64_t per);

  enum class Warmup : uint8_t { kNone, kConstant, kGradual };
  enum class Decay : uint8_t { kNone, kStep, kPoly, kCosine };

  LearningRateSchedule with_warmup(Warmup kind, Epochs length, std::optional<float> from) const;
  float start_multiplier(float full_rate) const;

  float rate_ = 0;
  int64_t per_ = 0;
  Warmup warmup_ = Warmup::kNone;
  double warmup_epochs_ = 0;
  std::optional<float> from_;
  Decay decay_ = Decay::kNone;
  float gamma_ = 1;
  std::vector<double> milestones_;
  float power_ = 1;
  double total_epochs_ = 0;
  float end_ = 0;
};

/// The same rate whatever the batch.
LearningRateSchedule fixed_rate(float rate);
/// `rate` for every `per` samples of a batch: 0.1 * kn / 256 in the paper.
LearningRateSchedule linear_scaling(float rate, int64_t per);

}  // namespace headrace
