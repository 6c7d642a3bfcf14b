#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/tensor.h"

namespace headrace {

class NetDef;

/// What the blobs of a net are for, and the recipe it was made by. Builders save it in NetDef.arg,
/// so that a net runs, trains and is transformed without being told these things again. Fields that
/// a net does not carry are empty or 0; nets of others carry none.
///
/// In the file each field is one argument of the same name. Lists of blobs are `strings`, single
/// blobs `s`, counts `i`, rates `f`. `external_shapes` is `strings`, one per blob, such as
/// "float32 32x3x224x224 data".
struct NetRoles {
  /// "init", "train" or "predict"; "accumulate": a part of training, see
  /// net_builders/accumulation.h; "statistics".
  std::string phase;

  /// Types of external inputs.
  std::vector<std::pair<std::string, TensorDesc>> external_shapes;

  std::vector<std::string> data;    // fed in each iteration
  std::vector<std::string> labels;  // likewise
  std::vector<std::string> losses;
  std::vector<std::string> accuracies;
  std::string prediction;  // scores or probabilities, [batch, classes]

  std::vector<std::string> parameters;
  std::vector<std::string> gradients;        // of the parameters, in their order
  std::vector<std::string> averages;         // moving averages of the parameters, likewise
  std::vector<std::string> optimizer_state;  // momentum and the like
  std::vector<std::string> statistics;       // running means and variances
  std::string learning_rate;
  std::string iteration;  // completed steps, int64

  int64_t batch_size = 0;  // samples per iteration, all workers and micro-batches together
  /// Of a data-parallel net: how many workers it is for. Their common world is the blob `world`.
  int64_t world_size = 0;
  std::string world;
  /// With gradient accumulation: in how many micro-batches a worker takes its samples of an
  /// iteration, and what adds up over them; all zero between iterations.
  int64_t micro_batches = 0;
  std::vector<std::string> accumulators;
  /// Where an iteration is cut into parts, the means over all of them, in the order of the others.
  std::vector<std::string> mean_losses;
  std::vector<std::string> mean_accuracies;
  int64_t epoch_size = 0;  // samples per epoch

  /// The learning rate is reference_rate for every reference_batch samples of an iteration (linear
  /// scaling); reference_batch is 0 where the rate does not depend on the batch.
  float reference_rate = 0;
  int64_t reference_batch = 0;

  bool operator==(const NetRoles&) const = default;
};

/// Throws kInvalidNet where an argument of these names has another form.
NetRoles read_roles(const NetDef& net);

/// Replaces all arguments of these names; other arguments stay.
void write_roles(const NetRoles& roles, NetDef& net);

}  // namespace headrace
