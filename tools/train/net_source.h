#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/data_source.h"
#include "tools/recipe.h"
#include "tools/train/training.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace headrace::tools {

/// Where the nets of a training job come from: a model with a recipe, or files.
class NetSource {
 public:
  /// Declares MODEL, the flags of recipes, --net, --init and --predict-net.
  void add_to(CLI::App& flags);

  /// Makes or reads the nets for this data. Throws CLI::ValidationError for flags that do not go
  /// together or do not fit the data.
  TrainingNets make(const DataSet& data);

  /// The files that make() has read nets from; none for a model.
  const std::vector<std::filesystem::path>& files() const { return files_; }

  /// What the files of the job are called: NAME_train_net.pbtxt and so on.
  std::string name() const;
  /// Samples per iteration, after make().
  int batch() const { return static_cast<int>(recipe_.input.batch); }
  double epochs() const { return recipe_.epochs; }

 private:
  bool from_files() const { return !train_file_.empty(); }
  TrainingNets build(const DataSet& data);
  TrainingNets read();
  /// The training net of a file, or the two of a plan that accumulates gradients.
  TrainingNets read_training() const;
  void cut_into_micro_batches(TrainingNets& nets) const;
  void check_flags() const;

  Recipe recipe_;
  std::string train_file_;
  std::string init_file_;
  std::string predict_file_;
  std::vector<std::filesystem::path> files_;
  CLI::App* flags_ = nullptr;
  std::vector<CLI::Option*> recipe_options_;
};

}  // namespace headrace::tools
