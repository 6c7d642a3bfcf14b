#include <memory>

#include <CLI/CLI.hpp>

#include "tools/command.h"
#include "tools/train/job.h"
#include "tools/train/report.h"
#include "tools/train/seeds.h"

namespace headrace::tools {
namespace {

/// Of several ranks one reports.
bool leads(const TrainReport& report) { return report.rank == 0; }
bool leads(const std::vector<TrainReport>& reports) { return reports.front().rank == 0; }

template <typename Result>
int show(const std::optional<Result>& result, bool json) {
  if (!result) return kStopped;
  if (!leads(*result)) return kOk;
  if (json) {
    print_json(*result);
  } else {
    print(*result);
  }
  return kOk;
}

Action set_up(CLI::App& app) {
  auto flags = std::make_shared<TrainFlags>();
  flags->add_to(app);
  return [flags] {
    StopSignal stop;
    Job ranks(flags->world, flags->folder);
    return flags->seeds > 1 ? show(train_seeds(*flags, ranks, stop), flags->json)
                            : show(TrainJob(*flags, ranks, stop).run(), flags->json);
  };
}

const RegisterCommand kTrain("train", "Train a model, or a training net of your own", set_up);

}  // namespace
}  // namespace headrace::tools
