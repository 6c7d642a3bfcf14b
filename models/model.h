#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "net_builders/net.h"

namespace headrace {

/// What a model was made for; each can be chosen otherwise when it is built.
struct ModelInput {
  int image = 224;  // height and width
  int channels = 3;
  int classes = 1000;
  int64_t epoch_size = 1'281'167;  // training samples of its data set, by default ImageNet-1k
};

/// A classifier by name.
struct ModelDefinition {
  std::string name;
  std::string summary;
  ModelInput input;
  /// Builds the layers from an image [N, C, H, W] to scores [N, classes].
  Value (*build)(const Value& image, int classes);
};

/// Static objects of this type add a model before main().
struct RegisterModel {
  RegisterModel(ModelDefinition definition);
};

/// All models, sorted by name.
std::vector<const ModelDefinition*> models();
/// Throws kNotFound with the nearest names.
const ModelDefinition& find_model(std::string_view name);

struct ModelOptions {
  int64_t batch = 32;
  // 0: as the definition says.
  int image = 0;
  int channels = 0;
  int classes = 0;
};

/// A classifier with its loss, ready for TrainStep. The blobs `data` and `label` are its inputs;
/// `accuracy`, and `accuracy_top5` from ten classes on, are measured in training.
struct Model {
  Net net;
  Value scores;
  Value loss;
};

Model build_model(const ModelDefinition& definition, const ModelOptions& options);
Model build_model(std::string_view name, const ModelOptions& options);

}  // namespace headrace
