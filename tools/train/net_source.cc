#include "tools/train/net_source.h"

#include <array>
#include <optional>

#include <CLI/CLI.hpp>

#include "core/error.h"
#include "core/net_roles.h"
#include "core/proto/net_io.h"
#include "net_builders/accumulation.h"
#include "tools/help.h"
#include "tools/nets/net_file.h"

namespace headrace::tools {
namespace {

constexpr std::array<std::string_view, 2> kTrainSuffixes = {"_train_net", "_train_plan"};

/// NAME of a file NAME_train_net.EXT or NAME_train_plan.EXT; nothing for others.
std::optional<std::string> name_of_job(const std::filesystem::path& train_file) {
  const std::string stem = train_file.stem().string();
  for (const std::string_view suffix : kTrainSuffixes) {
    if (stem.ends_with(suffix)) return stem.substr(0, stem.size() - suffix.size());
  }
  return std::nullopt;
}

/// The file beside NAME_train_net.EXT that plays another part, if it is there.
std::string sibling(const std::filesystem::path& train_file, const char* part) {
  const auto job = name_of_job(train_file);
  if (!job) return "";
  const std::string name = *job + part;
  for (const char* extension : {".pbtxt", ".pb"}) {
    const auto path = train_file.parent_path() / (name + extension);
    if (std::filesystem::exists(path)) return path.string();
  }
  return "";
}

std::string required_file(const std::string& given, const std::string& train_file, const char* part,
                          const char* flag) {
  const std::string file = given.empty() ? sibling(train_file, part) : given;
  if (!file.empty()) return file;
  throw CLI::ValidationError(
      flag, fmt::format("has to be given, because there is no file NAME{} beside '{}'", part,
                        train_file));
}

/// A flag about images has to agree with the data; without it the data says.
void match(int& given, int found, const char* flag) {
  if (given == 0) given = found;
  if (given != found) {
    throw CLI::ValidationError(flag,
                               fmt::format("{} does not fit the data, which has {}", given, found));
  }
}

}  // namespace

void NetSource::add_to(CLI::App& flags) {
  flags_ = &flags;
  add_model_flags(flags, recipe_);
  add_recipe_flags(flags, recipe_);
  for (const char* flag : {"--image", "--channels", "--classes"}) {
    flags.get_option(flag)->default_str("what the data has");
  }
  recipe_options_ = flags.get_options();
  std::erase_if(recipe_options_, [](const CLI::Option* option) {
    const std::string name = option->get_name();
    return name == "--help" || name == "--epochs" || name == "--batch" || name == "--accumulate";
  });
  const HelpGroup group(flags, "A net of your own");
  flags
      .add_option("--net", train_file_,
                  "A training net of your own, or a plan of --accumulate, instead of MODEL; it "
                  "carries its recipe")
      ->type_name("FILE")
      ->default_str("");
  flags.add_option("--init", init_file_, "The init net of --net")
      ->type_name("FILE")
      ->default_str("NAME_init_net beside NAME_train_net");
  flags.add_option("--predict-net", predict_file_, "The prediction net of --net, to evaluate")
      ->type_name("FILE")
      ->default_str("NAME_predict_net beside NAME_train_net");
}

void NetSource::check_flags() const {
  if (from_files()) {
    for (const CLI::Option* option : recipe_options_) {
      if (option->count() == 0) continue;
      throw CLI::ValidationError(option->get_name(),
                                 "has no meaning with --net, which carries its recipe");
    }
    return;
  }
  if (recipe_.model.empty()) throw CLI::ValidationError("MODEL or --net has to be given");
  for (const char* flag : {"--init", "--predict-net"}) {
    if (flags_->get_option(flag)->count() > 0) {
      throw CLI::ValidationError(flag, "has a meaning only with --net");
    }
  }
  recipe_.check();
}

TrainingNets NetSource::make(const DataSet& data) {
  check_flags();
  TrainingNets nets = from_files() ? read() : build(data);
  if (recipe_.accumulate > 1 && !nets.accumulate) cut_into_micro_batches(nets);
  if (recipe_.input.batch > data.train->size()) {
    throw CLI::ValidationError("--batch", fmt::format("{} is more than the {} training images",
                                                      recipe_.input.batch, data.train->size()));
  }
  return nets;
}

TrainingNets NetSource::build(const DataSet& data) {
  if (flags_->get_option("--batch")->count() == 0) throw CLI::RequiredError("--batch");
  Sample sample;
  data.train->read(0, sample);
  require(sample.height == sample.width, ErrorCode::kUnsupported,
          "the models take square images, the data has {}x{}", sample.height, sample.width);
  match(recipe_.input.image, sample.height, "--image");
  match(recipe_.input.channels, sample.channels, "--channels");
  match(recipe_.input.classes, data.train->classes(), "--classes");
  const Model model = build_model(recipe_.model, recipe_.input);
  const TrainStep step = make_train_step(recipe_, model.loss, data.train->size());
  return {.init = step.init_net(),
          .train = step.train_net(),
          .predict = step.predict_net(),
          .accumulate = std::nullopt};
}

TrainingNets NetSource::read_training() const {
  NetFile file = read_net_file(train_file_);
  require(!file.database, ErrorCode::kUnsupported,
          "'{}' is an exported model; training takes a training net", train_file_);
  TrainingNets nets;
  if (file.plan) {
    require_accumulation(*file.plan);
    nets.train = file.plan->network(kUpdateNet);
    nets.accumulate = file.plan->network(kAccumulateNet);
  } else {
    nets.train = std::move(file.net);
  }
  return nets;
}

void NetSource::cut_into_micro_batches(TrainingNets& nets) const {
  const PlanDef cut = accumulate_gradients(nets.train, recipe_.accumulate);
  nets.train = cut.network(kUpdateNet);
  nets.accumulate = cut.network(kAccumulateNet);
  nets.init = with_accumulators(nets.init, nets.train);
}

TrainingNets NetSource::read() {
  TrainingNets nets = read_training();
  files_ = {train_file_, required_file(init_file_, train_file_, "_init_net", "--init"),
            required_file(predict_file_, train_file_, "_predict_net", "--predict-net")};
  nets.init = load_net(files_[1]);
  nets.predict = load_net(files_[2]);
  const int64_t batch = read_roles(nets.train).batch_size;
  const bool given = flags_->get_option("--batch")->count() > 0;
  if (!given && batch == 0) throw CLI::RequiredError("--batch");
  if (!given) recipe_.input.batch = batch;
  if (given && batch != 0 && batch != recipe_.input.batch) {
    throw CLI::ValidationError("--batch", fmt::format("{} is not the {} that '{}' was made for",
                                                      recipe_.input.batch, batch, train_file_));
  }
  const int64_t micro_batches = read_roles(nets.train).micro_batches;
  if (nets.accumulate && flags_->get_option("--accumulate")->count() > 0 &&
      recipe_.accumulate != micro_batches) {
    throw CLI::ValidationError(
        "--accumulate", fmt::format("{} is not the {} that '{}' was made for", recipe_.accumulate,
                                    micro_batches, train_file_));
  }
  return nets;
}

std::string NetSource::name() const {
  if (!from_files()) return recipe_.model;
  return name_of_job(train_file_).value_or(std::filesystem::path(train_file_).stem().string());
}

}  // namespace headrace::tools
