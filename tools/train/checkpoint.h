#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "tools/train/meter.h"

namespace headrace::tools {

/// What one epoch came to. Losses are means over samples, accuracies fractions. Nets of somebody's
/// own may measure no accuracy, and have no learning rate that anybody knows of.
struct EpochResult {
  int64_t epoch = 0;  // the first is 1
  double train_loss = 0;
  std::optional<double> train_accuracy;
  double test_loss = 0;
  double test_accuracy = 0;
  std::optional<double> learning_rate;  // of its last iteration
};

/// Sums over the iterations of the present epoch.
struct EpochSums {
  double loss = 0;
  double accuracy = 0;
  std::optional<double> learning_rate;  // of the last iteration
  int64_t iterations = 0;
};

/// What has to be the same when training goes on for it to go on bit for bit; texts, so that a
/// difference can be shown.
using TrainingSetup = std::map<std::string, std::string>;

/// Everything about a training job but its tensors.
struct TrainingState {
  int64_t iteration = 0;  // completed; also the position in the sample stream
  EpochSums sums;
  Meter::Sums logged;  // of the iterations since the last line of the log
  std::vector<EpochResult> epochs;
  double seconds = 0;  // of training so far
  TrainingSetup setup;
  /// Which launch has written it (LaunchEnvironment::job); empty where nobody has a name for that.
  std::string job;
};

struct Checkpoint {
  TrainingState state;
  std::map<std::string, Tensor> tensors;
};

/// One safetensors file, written atomically, with a checksum. See safetensors.h for errors.
void save_checkpoint(const Checkpoint& checkpoint, const std::filesystem::path& path);
Checkpoint load_checkpoint(const std::filesystem::path& path);

}  // namespace headrace::tools
