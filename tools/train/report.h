#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "tools/train/checkpoint.h"

namespace headrace::tools {

/// What a completed training job has come to.
struct TrainReport {
  int rank = 0;  // of several, which all have this report
  uint64_t seed = 0;
  int64_t iteration = 0;  // the last one
  std::vector<EpochResult> epochs;
  double seconds = 0;
  std::filesystem::path weights;
  std::filesystem::path predict_net;
  std::filesystem::path checkpoint;
  std::filesystem::path best_checkpoint;

  double test_error() const { return 1 - epochs.back().test_accuracy; }
  /// Of how many epochs, the last ones, median_error() is the median.
  int64_t median_of() const;
  /// The measure of Goyal et al. (2017), section 5.1: the median test error of the last five
  /// epochs.
  double median_error() const;
};

nlohmann::json to_json(const EpochResult& result);
/// All but the epochs.
nlohmann::json to_json(const TrainReport& report);

void print(const TrainReport& report);
void print_json(const TrainReport& report);

/// Of several jobs that differ in their seed: each one's errors, and mean and standard deviation.
void print(const std::vector<TrainReport>& reports);
void print_json(const std::vector<TrainReport>& reports);

}  // namespace headrace::tools
