#pragma once

#include <optional>
#include <vector>

#include "tools/train/job.h"
#include "tools/train/report.h"

namespace headrace::tools {

/// Trains `flags.seeds` times, with flags.execution.seed and the seeds after it, each in a folder
/// seed-K of its own, one after the other, with all ranks. Resuming goes on with the first that is
/// not complete and takes the results of those that are. Nothing when it was stopped. Changes the
/// flags.
std::optional<std::vector<TrainReport>> train_seeds(TrainFlags& flags, Job& ranks,
                                                    StopSignal& stop);

}  // namespace headrace::tools
