#pragma once

#include <cstdint>

namespace headrace::tools {

/// Means over iterations of training, and how fast they went, without what happens between them
/// (evaluation, checkpoints). With `keep` below 1 older iterations fade away.
class Meter {
 public:
  explicit Meter(double keep = 1) : keep_(keep) {}

  void add(double loss, double accuracy, double seconds) {
    weight_ = keep_ * weight_ + 1;
    loss_ = keep_ * loss_ + loss;
    accuracy_ = keep_ * accuracy_ + accuracy;
    seconds_ = keep_ * seconds_ + seconds;
  }
  void reset() { *this = Meter(keep_); }

  bool empty() const { return weight_ == 0; }
  double loss() const { return mean(loss_); }
  double accuracy() const { return mean(accuracy_); }
  double seconds_per_iteration() const { return mean(seconds_); }

 private:
  double mean(double sum) const { return empty() ? 0 : sum / weight_; }

  double keep_;
  double weight_ = 0;
  double loss_ = 0;
  double accuracy_ = 0;
  double seconds_ = 0;
};

}  // namespace headrace::tools
