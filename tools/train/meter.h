#pragma once

#include <cstdint>

namespace headrace::tools {

/// Means over iterations of training, and how fast they went, without what happens between them
/// (evaluation, checkpoints). With `keep` below 1 older iterations fade away.
class Meter {
 public:
  /// What it has added up.
  struct Sums {
    double weight = 0;  // of the iterations, 1 for the last one
    double loss = 0;
    double accuracy = 0;
    double seconds = 0;
  };

  explicit Meter(double keep = 1) : keep_(keep) {}

  void add(double loss, double accuracy, double seconds) {
    sums_ = {.weight = keep_ * sums_.weight + 1,
             .loss = keep_ * sums_.loss + loss,
             .accuracy = keep_ * sums_.accuracy + accuracy,
             .seconds = keep_ * sums_.seconds + seconds};
  }
  void reset() { sums_ = {}; }
  const Sums& sums() const { return sums_; }
  /// Goes on from the sums of another meter.
  void restore(const Sums& sums) { sums_ = sums; }

  bool empty() const { return sums_.weight == 0; }
  double loss() const { return mean(sums_.loss); }
  double accuracy() const { return mean(sums_.accuracy); }  // 0 for what was never measured
  double seconds_per_iteration() const { return mean(sums_.seconds); }

 private:
  double mean(double sum) const { return empty() ? 0 : sum / sums_.weight; }

  double keep_;
  Sums sums_;
};

}  // namespace headrace::tools
