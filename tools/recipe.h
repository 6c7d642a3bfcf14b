#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "models/model.h"
#include "net_builders/train_step.h"

namespace CLI {
class App;
}

namespace headrace::tools {

/// Which model, and how it is trained: what `emit` and `train` have in common. By default the
/// recipe of Goyal et al. (2017): 90 epochs, with warm-up and milestones in proportion to other
/// lengths.
struct Recipe {
  std::string model;
  ModelOptions input;
  int accumulate = 1;  // micro-batches of an iteration
  double epochs = 90;

  std::string optimizer = "sgd";
  float momentum = 0.9f;
  bool nesterov = true;
  float weight_decay = 1e-4f;
  std::string momentum_form = "rate-in-buffer";
  std::string momentum_correction = "exact";
  float trust = 0.001f;
  float beta2 = 0.999f;

  float learning_rate = 0.1f;
  int64_t reference_batch = 256;
  std::string warmup = "gradual";
  double warmup_epochs = 0;  // 0: 5 of 90
  float warmup_from = -1;    // < 0: the reference rate
  std::string decay = "step";
  std::vector<double> milestones;  // empty: 30, 60 and 80 of 90
  float gamma = 0.1f;
  float power = 2;

  float clip_gradients = 0;
  float average = 0;

  /// Throws CLI::ValidationError for flags that do not go together.
  std::function<void()> check;
};

/// Declares MODEL, --batch, --accumulate and what else a model is built from.
void add_model_flags(CLI::App& flags, Recipe& recipe);
/// Declares everything else of a Recipe.
void add_recipe_flags(CLI::App& flags, Recipe& recipe);

/// The training step of a model whose data set has so many samples.
TrainStep make_train_step(const Recipe& recipe, const Value& loss, int64_t epoch_size);

}  // namespace headrace::tools
