#include "tools/train/checkpoint.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/safetensors.h"
#include "tools/text/json_optional.h"

namespace headrace::tools {
namespace {

using Json = nlohmann::json;

constexpr const char* kStateText = "headrace.training";
constexpr int kVersion = 1;

}  // namespace

// The library looks for these in the namespace of the types.
using MeterSums = Meter::Sums;
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(MeterSums, weight, loss, accuracy, seconds)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(EpochSums, loss, accuracy, learning_rate, iterations)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(EpochResult, epoch, train_loss, train_accuracy, test_loss,
                                   test_accuracy, learning_rate)

void save_checkpoint(const Checkpoint& checkpoint, const std::filesystem::path& path) {
  const TrainingState& state = checkpoint.state;
  const Json text = {{"version", kVersion},    {"iteration", state.iteration},
                     {"sums", state.sums},     {"logged", state.logged},
                     {"epochs", state.epochs}, {"seconds", state.seconds},
                     {"setup", state.setup},   {"job", state.job}};
  save_tensors(
      {.texts = {{"format", "headrace"}, {kStateText, text.dump()}}, .tensors = checkpoint.tensors},
      path);
}

namespace {

TrainingState state_from(const std::string& content, const std::filesystem::path& path) {
  try {
    const Json text = Json::parse(content);
    const int version = text.at("version").get<int>();
    require(version == kVersion, ErrorCode::kUnsupported,
            "'{}' is a checkpoint of format {}; this headrace reads format {}", path.native(),
            version, kVersion);
    TrainingState state;
    text.at("iteration").get_to(state.iteration);
    text.at("sums").get_to(state.sums);
    text.at("logged").get_to(state.logged);
    text.at("epochs").get_to(state.epochs);
    text.at("seconds").get_to(state.seconds);
    text.at("setup").get_to(state.setup);
    state.job = text.value("job", "");
    return state;
  } catch (const Json::exception& error) {
    fail(ErrorCode::kCorrupt, "'{}' is no checkpoint that this headrace has written: {}",
         path.native(), error.what());
  }
}

}  // namespace

Checkpoint load_checkpoint(const std::filesystem::path& path) {
  TensorFile file = load_tensors(path);
  const auto found = file.texts.find(kStateText);
  require(found != file.texts.end(), ErrorCode::kCorrupt,
          "'{}' holds tensors, but not the state of a training job", path.native());
  return {.state = state_from(found->second, path), .tensors = std::move(file.tensors)};
}

}  // namespace headrace::tools
