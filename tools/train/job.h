#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "tools/nets/net_flags.h"
#include "tools/nets/world_flags.h"
#include "tools/timeline.h"
#include "tools/train/meter.h"
#include "tools/train/net_blobs.h"
#include "tools/train/net_source.h"
#include "tools/train/progress.h"
#include "tools/train/report.h"
#include "tools/train/stop_agreement.h"
#include "tools/train/stop_signal.h"
#include "tools/train/train_log.h"
#include "tools/train/training.h"

namespace headrace::tools {

/// The command line of `headrace train`.
struct TrainFlags {
  NetSource nets;
  NetBlobs blobs;
  ExecutionFlags execution;
  WorldFlags world;
  Augmentation augmentation;
  std::string data;
  std::string folder;
  bool resume = false;
  bool overwrite = false;
  bool allow_changes = false;
  int seeds = 1;       // jobs, one after the other, see train_seeds()
  int test_batch = 0;  // 0: as in training
  int64_t checkpoint_every = 0;
  int64_t log_every = 10;
  std::string trace;
  int trace_steps = 10;
  bool json = false;

  void add_to(CLI::App& app);
};

/// Whether the folder holds the checkpoint of a training job.
bool holds_job(const std::filesystem::path& folder);

/// A training job with its folder, its log, what it shows, and Ctrl-C. Of several ranks rank 0 does
/// all that, but for the checkpoints, of which each has its own: checkpoint-rank1.safetensors, ...
///
/// In the folder: NAME_init_net.pbtxt, NAME_train_net.pbtxt and NAME_predict_net.pbtxt;
/// checkpoint.safetensors, the last one, and best.safetensors, that of the highest test accuracy;
/// log.jsonl; in the end NAME_trained_init_net.pb, the parameters, and beside it, so that viewers
/// find the pair, NAME_trained_predict_net.pbtxt.
class TrainJob {
 public:
  explicit TrainJob(TrainFlags& flags);
  /// Nothing when it was stopped on request; the checkpoint is written then.
  std::optional<TrainReport> run();

 private:
  void prepare_folder();
  void save_nets(const TrainingNets& nets);
  void begin();
  void step();
  bool close_epoch();
  void save_checkpoint_as(const char* name);
  void stop();
  TrainReport finish();
  void write_timeline();
  double seconds_left() const;
  void log_step(const Training::Step& step);
  std::filesystem::path file(const std::string& suffix) const;
  std::filesystem::path checkpoint_file(const std::string& name) const;
  bool leads() const { return ranks_.rank() == 0; }
  /// Makes the nets those of one of several ranks, where there are several; true if they are.
  bool make_parallel(TrainingNets& nets) const;
  void write_log(const nlohmann::json& event);
  double seconds() const;

  TrainFlags& flags_;
  Job ranks_;
  std::filesystem::path folder_;
  std::string name_;
  std::optional<Checkpoint> resumed_;
  std::unique_ptr<TrainingData> data_;
  std::unique_ptr<ThreadPool> pool_;
  std::optional<Timeline> timeline_;
  std::unique_ptr<Training> training_;
  std::unique_ptr<TrainLog> log_;  // rank 0
  Progress progress_;
  StopSignal stop_;
  std::optional<StopAgreement> agreement_;  // of several ranks
  Meter shown_{0.95};
  Meter logged_;
  double evaluation_seconds_ = 0;  // of the last evaluation
  double earlier_seconds_ = 0;     // before this process
  int64_t saved_iteration_ = -1;
  std::chrono::steady_clock::time_point began_;
};

}  // namespace headrace::tools
