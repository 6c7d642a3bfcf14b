// What a training job does before it trains: it finds out what it is to do, and whether it can.
#include <algorithm>
#include <system_error>

#include <CLI/CLI.hpp>
#include <spdlog/spdlog.h>

#include "core/atomic_file.h"
#include "core/error.h"
#include "net_builders/data_parallel.h"
#include "tools/environment.h"
#include "tools/output_file.h"
#include "tools/train/job.h"

namespace headrace::tools {

void TrainJob::set_up() {
  // First, so that ranks hear of each other's mistakes; and before threads are pinned to cores,
  // which those of the connections would inherit.
  if (ranks_.size() > 1) {
    make_folder();
    ranks_.world();
  }
  const DataSet data = open_data(flags_.data);
  TrainingNets nets = flags_.nets.make(data);
  const bool parallel = make_parallel(nets);
  name_ = flags_.nets.name();
  find_checkpoint();
  check_inputs();
  if (!flags_.trace.empty()) check_folder(flags_.trace, "--trace");

  const int micro_batches = std::max(1, static_cast<int>(read_roles(nets.train).micro_batches));
  check_unroll(micro_batches, (data.train->size() + flags_.nets.batch() - 1) / flags_.nets.batch());
  const int batch = flags_.nets.batch() / ranks_.size() / micro_batches;
  const TrainingOrder order{.seed = flags_.execution.seed,
                            .cut = {.batch = batch,
                                    .rank = ranks_.rank(),
                                    .world = ranks_.size(),
                                    .micro_batches = micro_batches},
                            .augmentation = flags_.augmentation};
  data_ = std::make_unique<TrainingData>(
      data, order, flags_.test_batch > 0 ? flags_.test_batch : batch, flags_.unroll);
  pool_ = std::make_unique<ThreadPool>(flags_.execution.pool());

  TrainingOptions options{.epochs = flags_.nets.epochs(),
                          .blobs = flags_.blobs,
                          .session = flags_.execution.session(*pool_),
                          .unroll = flags_.unroll,
                          .setup = {{"data", flags_.data}, {"version", version_number()}}};
  if (parallel) {
    options.world = ranks_.world();
    agreement_.emplace(options.world);
  }
  options.blobs.complete_for_training(read_roles(nets.train));
  const auto& outputs = nets.predict.external_output();
  options.blobs.complete_for_prediction(read_roles(nets.predict), {outputs.begin(), outputs.end()});
  if (!flags_.trace.empty()) {
    options.session.run.trace = &timeline_.emplace(*pool_).recorder();
    options.before_run = [this](Session& session) { timeline_->will_run(session); };
  }
  training_ = std::make_unique<Training>(std::move(nets), *data_, *pool_, std::move(options));
}

void TrainJob::check_unroll(int micro_batches, int64_t iterations_per_epoch) const {
  if (flags_.unroll == 1) return;
  const auto refuse = [](const std::string& why) { throw CLI::ValidationError("--unroll", why); };
  if (micro_batches > 1) {
    refuse(
        fmt::format("an iteration of {} micro-batches is several runs, so several iterations "
                    "cannot be one: leave out --unroll or --accumulate",
                    micro_batches));
  }
  const int64_t every = flags_.checkpoint_every;
  if (every > 0 && flags_.unroll > every) {
    refuse(fmt::format("{} iterations never are one run, because there is a checkpoint every {}",
                       flags_.unroll, every));
  }
  if (flags_.unroll > iterations_per_epoch) {
    refuse(fmt::format("{} iterations never are one run, because an epoch has at most {}",
                       flags_.unroll, iterations_per_epoch));
  }
}

bool TrainJob::make_parallel(TrainingNets& nets) const {
  const bool made = read_roles(nets.train).world_size > 0;
  require_world(nets.train, ranks_.size());
  if (ranks_.size() == 1 && !made) return false;
  if (!made) {
    nets.train = data_parallel(nets.train, ranks_.size());
    if (nets.accumulate) nets.accumulate = data_parallel(*nets.accumulate, ranks_.size());
  }
  if (read_roles(nets.init).world_size == 0) {
    nets.init = data_parallel_init(nets.init, ranks_.size());
  }
  return true;
}

// A job that a launcher has started again goes on by itself, but only with what it has written
// itself: the folder may hold an older job, which was the reason why the first start failed.
bool TrainJob::is_ours(const Checkpoint& checkpoint) const {
  return ranks_.restart() > 0 && !ranks_.name().empty() && checkpoint.state.job == ranks_.name();
}

void TrainJob::make_folder() {
  std::error_code failed;
  std::filesystem::create_directories(folder_, failed);
  require(!failed, ErrorCode::kIo, "cannot make the folder '{}': {}", folder_.native(),
          failed.message());
}

// Whoever begins anew need not be able to read what was there, unless it may be of this very job.
CheckpointFiles::Found TrainJob::load_checkpoints() const {
  if (!flags_.overwrite || ranks_.restart() > 0) return files_.load();
  try {
    return files_.load();
  } catch (const Error& error) {
    spdlog::warn("{}; --overwrite begins anew", error.what());
    return {};
  }
}

void TrainJob::find_checkpoint() {
  make_folder();
  // Before the ranks compare what they have, which comes before anybody writes.
  if (flags_.resume || ranks_.restart() > 0) remove_unfinished_files(folder_);
  CheckpointFiles::Found found = load_checkpoints();
  if (!flags_.resume) {
    for (auto* checkpoint : {&found.last, &found.previous}) {
      if (!*checkpoint || is_ours(**checkpoint)) continue;
      require(
          flags_.overwrite, ErrorCode::kState,
          "'{}' holds a training job already: --resume goes on with it, --overwrite begins anew",
          folder_.native());
      checkpoint->reset();
    }
  }
  CommonCheckpoint common;
  if (ranks_.size() > 1) {
    common = common_checkpoint(gather_ids(ranks_.world()->group(), found.ids()));
  } else {
    common = common_checkpoint({found.ids()});
  }
  why_ = common.reason;
  if (!common.id) {
    if (!flags_.resume || flags_.resume_if_any) return;
    require(!common.lacking.empty(), ErrorCode::kNotFound,
            "there is nothing to resume: '{}' does not exist. Without --resume training begins "
            "anew",
            files_.last().native());
    // Where more ranks resume than there were, none of their files is missing.
    const std::string world =
        found.last ? found.last->state.setup["world"] : std::to_string(ranks_.size());
    require(world == std::to_string(ranks_.size()), ErrorCode::kState,
            "'{}' is the checkpoint of a job of {} ranks, and this one has {}: resume it with as "
            "many, headrace launch -n {}",
            files_.last().native(), world, ranks_.size(), world);
    const CheckpointFiles missing(folder_, static_cast<int>(common.lacking.front()));
    fail(ErrorCode::kNotFound,
         "there is nothing that all ranks could resume: {}; '{}' does not exist. Put it back, or "
         "begin anew with --overwrite instead of --resume",
         why_, missing.last().native());
  }
  goes_on_ = true;
  goes_back_ = !found.last || id_of(found.last->state) != *common.id;
  resumed_ = std::move(goes_back_ ? found.previous : found.last);
}

// Nets of somebody's own may lie where the job would write or remove its own.
void TrainJob::check_inputs() const {
  std::vector<const char*> suffixes = {"_trained_init_net.pb", "_trained_predict_net.pbtxt"};
  if (writes_nets()) {
    for (const char* suffix :
         {"_init_net.pbtxt", "_train_net.pbtxt", "_train_plan.pbtxt", "_predict_net.pbtxt"}) {
      suffixes.push_back(suffix);
    }
  }
  for (const auto& input : flags_.nets.files()) {
    for (const char* suffix : suffixes) {
      std::error_code none;  // neither is there
      require(!std::filesystem::equivalent(input, file(suffix), none), ErrorCode::kInvalidArgument,
              "this job reads the net '{}' and would replace it by its own: give another folder "
              "with --output",
              input.native());
    }
  }
}

}  // namespace headrace::tools
