#include "tools/train/seeds.h"

#include <filesystem>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace headrace::tools {

std::optional<std::vector<TrainReport>> train_seeds(TrainFlags& flags, Job& ranks,
                                                    StopSignal& stop) {
  const std::filesystem::path folder = flags.folder;
  const uint64_t first = flags.execution.seed;
  std::vector<TrainReport> reports;
  for (int i = 0; i < flags.seeds; ++i) {
    flags.execution.seed = first + static_cast<uint64_t>(i);
    flags.folder = (folder / fmt::format("seed-{}", flags.execution.seed)).string();
    // One that was stopped has at least begun with the first.
    flags.resume_if_any = i > 0;
    if (ranks.rank() == 0) {
      spdlog::info("seed {}, {} of {}", flags.execution.seed, i + 1, flags.seeds);
    }
    auto report = TrainJob(flags, ranks, stop).run();
    if (!report) return std::nullopt;
    reports.push_back(std::move(*report));
  }
  return reports;
}

}  // namespace headrace::tools
