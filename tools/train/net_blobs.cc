#include "tools/train/net_blobs.h"

#include <CLI/CLI.hpp>
#include <fmt/ranges.h>

#include "core/error.h"
#include "tools/help.h"

namespace headrace::tools {
namespace {

constexpr const char* kByRole = "what the net says";

void add(CLI::App& flags, const char* flag, std::string& value, const char* help) {
  flags.add_option(flag, value, help)->type_name("BLOB")->default_str(kByRole);
}

void fill(std::string& value, const std::string& role) {
  if (value.empty()) value = role;
}

void fill(std::string& value, const std::vector<std::string>& roles) {
  if (value.empty() && !roles.empty()) value = roles.front();
}

struct Needed {
  const std::string& value;
  const char* what;
  const char* flag;
};

void check(const std::vector<Needed>& needed) {
  std::vector<std::string> missing;
  for (const Needed& entry : needed) {
    if (entry.value.empty()) missing.push_back(fmt::format("{} ({})", entry.what, entry.flag));
  }
  require(missing.empty(), ErrorCode::kInvalidNet,
          "the net does not say which blobs these are: {}; name them with these flags",
          fmt::join(missing, ", "));
}

}  // namespace

void NetBlobs::add_training_flags(CLI::App& flags) {
  const HelpGroup group(flags, "Blobs");
  add(flags, "--label-blob", label, "Blob that labels are fed to");
  add(flags, "--loss-blob", loss, "Loss of the training net");
  add(flags, "--accuracy-blob", accuracy, "Accuracy that the training net measures");
  add(flags, "--rate-blob", learning_rate, "Learning rate of the training net");
}

void NetBlobs::add_prediction_flags(CLI::App& flags) {
  const HelpGroup group(flags, "Blobs");
  add(flags, "--data-blob", data, "Blob that images are fed to");
  add(flags, "--prediction-blob", prediction, "Scores or probabilities, [batch, classes]");
}

void NetBlobs::complete_for_training(const NetRoles& roles) {
  fill(data, roles.data);
  fill(label, roles.labels);
  fill(loss, roles.losses);
  fill(accuracy, roles.accuracies);
  fill(learning_rate, roles.learning_rate);
  check({{data, "images", "--data-blob"},
         {label, "labels", "--label-blob"},
         {loss, "the loss", "--loss-blob"}});
}

void NetBlobs::complete_for_prediction(const NetRoles& roles,
                                       const std::vector<std::string>& outputs) {
  fill(data, roles.data);
  fill(prediction, roles.prediction);
  if (outputs.size() == 1) fill(prediction, outputs);
  check({{data, "images", "--data-blob"}, {prediction, "the prediction", "--prediction-blob"}});
}

}  // namespace headrace::tools
