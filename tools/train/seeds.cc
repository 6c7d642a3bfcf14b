#include "tools/train/seeds.h"

#include <filesystem>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "core/error.h"

namespace headrace::tools {

std::optional<std::vector<TrainReport>> train_seeds(TrainFlags& flags) {
  const std::filesystem::path folder = flags.folder;
  const uint64_t first = flags.execution.seed;
  const bool resume = flags.resume;
  const auto folder_of = [&](uint64_t seed) { return folder / fmt::format("seed-{}", seed); };
  require(!resume || holds_job(folder_of(first)), ErrorCode::kNotFound,
          "there is nothing to resume: '{}' holds no checkpoint. Without --resume training begins "
          "anew",
          folder_of(first).native());
  require(
      Job(flags.world).size() == 1, ErrorCode::kUnsupported,
      "--seeds trains several times in one process; with several ranks, start one job per seed");
  std::vector<TrainReport> reports;
  for (int i = 0; i < flags.seeds; ++i) {
    flags.execution.seed = first + static_cast<uint64_t>(i);
    flags.folder = folder_of(flags.execution.seed).string();
    flags.resume = resume && holds_job(flags.folder);
    spdlog::info("seed {}, {} of {}", flags.execution.seed, i + 1, flags.seeds);
    auto report = TrainJob(flags).run();
    if (!report) return std::nullopt;
    reports.push_back(std::move(*report));
  }
  return reports;
}

}  // namespace headrace::tools
