#include "models/model.h"

#include <cstdio>
#include <cstdlib>
#include <map>

#include <fmt/ranges.h>

#include "core/error.h"
#include "core/text.h"

namespace headrace {
namespace {

/// Filled before main() and read-only afterwards.
std::map<std::string, ModelDefinition, std::less<>>& registry() {
  static std::map<std::string, ModelDefinition, std::less<>> instance;
  return instance;
}

int chosen(int option, int definition, const char* what) {
  require(option >= 0, ErrorCode::kInvalidArgument, "{} cannot be {}", what, option);
  return option == 0 ? definition : option;
}

}  // namespace

RegisterModel::RegisterModel(ModelDefinition definition) {
  std::string name = definition.name;
  if (!registry().emplace(name, std::move(definition)).second) {
    std::fprintf(stderr, "headrace: model %s is registered twice\n", name.c_str());
    std::abort();
  }
}

std::vector<const ModelDefinition*> models() {
  std::vector<const ModelDefinition*> all;
  for (const auto& [name, definition] : registry()) all.push_back(&definition);
  return all;
}

const ModelDefinition& find_model(std::string_view name) {
  auto found = registry().find(name);
  if (found == registry().end()) {
    std::vector<std::string> names;
    for (const ModelDefinition* model : models()) names.push_back(model->name);
    fail(ErrorCode::kNotFound, "unknown model '{}'{}; there are {}", name,
         did_you_mean(name, names), fmt::join(names, ", "));
  }
  return found->second;
}

Model build_model(const ModelDefinition& definition, const ModelOptions& options) {
  const int image = chosen(options.image, definition.input.image, "the image size");
  const int channels =
      chosen(options.channels, definition.input.channels, "the number of channels");
  const int classes = chosen(options.classes, definition.input.classes, "the number of classes");
  Net net(definition.name);
  Value data = net.input("data", {options.batch, channels, image, image});
  Value label = net.labels("label", options.batch);
  Value scores = definition.build(data, classes);
  Value loss = scores.softmax_cross_entropy(label);
  scores.accuracy(label);
  if (classes >= 10) scores.accuracy(label, 5);
  return {net, scores, loss};
}

Model build_model(std::string_view name, const ModelOptions& options) {
  return build_model(find_model(name), options);
}

}  // namespace headrace
