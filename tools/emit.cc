#include <cstdio>
#include <filesystem>
#include <memory>
#include <numeric>
#include <string>
#include <system_error>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "core/error.h"
#include "models/model.h"
#include "tools/command.h"
#include "tools/recipe.h"

namespace headrace::tools {
namespace {

struct EmitOptions {
  bool list = false;
  Recipe recipe;
  int64_t epoch_size = 0;
  std::string folder;
};

int64_t count_elements(const Net& net) {
  int64_t count = 0;
  for (const Parameter& parameter : net.parameters()) count += parameter.shape.numel();
  return count;
}

int list_models() {
  fmt::print("{:<14}{:>12}  {:>11}  {:>7}  {}\n", "model", "parameters", "image", "classes", "");
  for (const ModelDefinition* definition : models()) {
    const ModelInput& input = definition->input;
    const Model model = build_model(*definition, {.batch = 1});
    fmt::print("{:<14}{:>12}  {:>11}  {:>7}  {}\n", definition->name, count_elements(model.net),
               fmt::format("{}x{}x{}", input.channels, input.image, input.image), input.classes,
               definition->summary);
  }
  return kOk;
}

int emit(const EmitOptions& options) {
  if (options.list) return list_models();
  const Recipe& recipe = options.recipe;
  recipe.check();
  const ModelDefinition& definition = find_model(recipe.model);
  const Model model = build_model(definition, recipe.input);
  const TrainStep step =
      make_train_step(recipe, model.loss,
                      options.epoch_size > 0 ? options.epoch_size : definition.input.epoch_size);

  std::error_code failed;
  std::filesystem::create_directories(options.folder, failed);
  require(!failed, ErrorCode::kIo, "cannot make the folder {}: {}", options.folder,
          failed.message());
  const std::string prefix = (std::filesystem::path(options.folder) / definition.name).string();
  step.save(prefix);
  spdlog::info("{}: {} parameters in {} blobs", definition.name, count_elements(model.net),
               model.net.parameters().size());
  for (const char* part : {"init", "train", "predict"}) {
    fmt::print("{}_{}_net.pbtxt\n", prefix, part);
  }
  return kOk;
}

Action set_up(CLI::App& flags) {
  auto options = std::make_shared<EmitOptions>();
  auto* list = flags.add_flag("--list", options->list, "List the models and stop");
  add_model_flags(flags, options->recipe);
  flags.add_option("-o,--output", options->folder, "Folder that the nets are written to")
      ->default_str("");
  flags
      .add_option("--epoch-size", options->epoch_size,
                  "Training samples per epoch, which the schedule counts in")
      ->check(CLI::PositiveNumber)
      ->default_str("the size of the data set that the model was made for");
  add_recipe_flags(flags, options->recipe);
  return [options, list, &flags] {
    for (const char* name : {"MODEL", "--batch", "--output"}) {
      if (list->count() == 0 && flags.get_option(name)->count() == 0) {
        throw CLI::RequiredError(name);
      }
    }
    return emit(*options);
  };
}

const RegisterCommand kEmit("emit", "Write the nets of a model: init, train and predict", set_up);

}  // namespace
}  // namespace headrace::tools
