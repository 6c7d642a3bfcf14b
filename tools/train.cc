#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "tools/command.h"
#include "tools/train/job.h"

namespace headrace::tools {
namespace {

Action set_up(CLI::App& app) {
  auto flags = std::make_shared<TrainFlags>();
  flags->add_to(app);
  return [flags] { return TrainJob(*flags).run(); };
}

const RegisterCommand kTrain("train", "Train a model, or a training net of your own", set_up);

}  // namespace
}  // namespace headrace::tools
