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
#include "core/proto/net.pb.h"
#include "core/proto/net_io.h"
#include "core/proto/netron.h"
#include "core/thread_pool.h"
#include "core/workspace.h"
#include "graph/session.h"
#include "models/model.h"
#include "net_builders/accumulation.h"
#include "tools/checks.h"
#include "tools/command.h"
#include "tools/nets/given_tensors.h"
#include "tools/recipe.h"

namespace headrace::tools {
namespace {

struct EmitOptions {
  bool list = false;
  Recipe recipe;
  int64_t epoch_size = 0;
  std::string folder;
  bool values = false;
  uint64_t seed = 1;
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

/// The init net with its random numbers drawn: constants stay what they are, values stand for the
/// rest.
NetDef with_values(const NetDef& init, uint64_t seed) {
  ThreadPool pool;
  Workspace workspace;
  run_once(init, workspace, pool, seed);
  NetDef net;
  net.set_name(init.name());
  for (const OperatorDef& op : init.op()) {
    if (op.type() == "ConstantFill") {
      *net.add_op() = op;
      continue;
    }
    for (const std::string& blob : op.output()) {
      add_given_tensor(net, blob, workspace.fetch(blob));
    }
  }
  *net.mutable_external_output() = init.external_output();
  *net.mutable_arg() = init.arg();
  return net;
}

/// Netron opens a net together with the init net beside it, or not at all.
void explain_netron(const NetDef& init, const std::string& prefix) {
  if (netron_problems(init, FileFormat::kText, NetRole::kInit).empty()) return;
  spdlog::info(
      "Netron opens {0}_train_net.pbtxt, but neither of the others: it refuses random "
      "numbers in an init net. With --values, {0}_predict_net.pbtxt opens too",
      prefix);
}

/// Writes the nets of a step and the names of the files; returns the init net.
NetDef save_nets(const TrainStep& step, int micro_batches, const std::string& prefix) {
  if (micro_batches == 1) {
    step.save(prefix);
    for (const char* part : {"init", "train", "predict"}) {
      fmt::print("{}_{}_net.pbtxt\n", prefix, part);
    }
    return step.init_net();
  }
  const PlanDef plan = accumulate_gradients(step.train_net(), micro_batches);
  NetDef init = with_accumulators(step.init_net(), plan.network(kUpdateNet));
  save_net(init, prefix + "_init_net.pbtxt");
  save(plan, prefix + "_train_plan.pbtxt");
  save_net(step.predict_net(), prefix + "_predict_net.pbtxt");
  for (const char* part : {"init_net", "train_plan", "predict_net"}) {
    fmt::print("{}_{}.pbtxt\n", prefix, part);
  }
  return init;
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
  spdlog::info("{}: {} parameters in {} blobs", definition.name, count_elements(model.net),
               model.net.parameters().size());
  const NetDef init = save_nets(step, recipe.accumulate, prefix);
  if (!options.values) {
    if (recipe.accumulate == 1) explain_netron(init, prefix);
    return kOk;
  }
  const std::string file = prefix + "_init_net.pb";
  save_net(with_values(init, options.seed), file);
  fmt::print("{}\n", file);
  return kOk;
}

Action set_up(CLI::App& flags) {
  auto options = std::make_shared<EmitOptions>();
  auto* list = flags.add_flag("--list", options->list, "List the models and stop");
  add_model_flags(flags, options->recipe);
  flags
      .add_option("-o,--output", options->folder,
                  "Folder that the nets are written to; has to be given")
      ->type_name("DIR")
      ->default_str("");
  flags.add_flag("--values", options->values,
                 "Also write MODEL_init_net.pb: the init net with its random numbers drawn. Other "
                 "engines begin with the same parameters, and Netron shows them with "
                 "MODEL_predict_net");
  flags.add_option("--seed", options->seed, "Keys the random numbers of --values")
      ->check(seed_number());
  flags
      .add_option("--epoch-size", options->epoch_size,
                  "Training samples per epoch, which the schedule counts in")
      ->check(whole_number(1))
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
