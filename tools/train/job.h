#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "core/error.h"
#include "tools/nets/net_flags.h"
#include "tools/nets/world_flags.h"
#include "tools/timeline.h"
#include "tools/train/checkpoint_files.h"
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
  bool resume_if_any = false;  // with resume: a folder without a job is begun anew
  bool overwrite = false;
  bool allow_changes = false;
  int seeds = 1;       // jobs, one after the other, see train_seeds()
  int test_batch = 0;  // 0: as in training
  int unroll = 1;      // iterations in a run
  int64_t checkpoint_every = 0;
  int64_t log_every = 10;
  std::string trace;
  int trace_steps = 10;
  bool json = false;

  void add_to(CLI::App& app);
};

/// A training job with its folder, its log, what it shows, and Ctrl-C. Of several ranks rank 0 does
/// all that, but for the checkpoints, of which each has its own.
///
/// In the folder: NAME_init_net.pbtxt, NAME_train_net.pbtxt (with gradient accumulation
/// NAME_train_plan.pbtxt, two nets) and NAME_predict_net.pbtxt; checkpoints (see CheckpointFiles);
/// log.jsonl; in the end NAME_trained_init_net.pb, the parameters, and beside it, so that viewers
/// find the pair, NAME_trained_predict_net.pbtxt.
///
/// Goes on from the last checkpoint that all ranks have if it is told to, or if a launcher has
/// started the job again that wrote it.
class TrainJob {
 public:
  /// Keeps references to all.
  TrainJob(TrainFlags& flags, Job& ranks, StopSignal& stop);
  /// Nothing when it was stopped on request; the checkpoint is written then. What fails here fails
  /// on all ranks, which are told why.
  std::optional<TrainReport> run();

 private:
  // job_set_up.cc
  void set_up();
  /// Makes the nets those of one of several ranks, where there are several; true if they are.
  bool make_parallel(TrainingNets& nets) const;
  void check_unroll(int micro_batches, int64_t iterations_per_epoch) const;
  void make_folder();
  CheckpointFiles::Found load_checkpoints() const;
  void find_checkpoint();
  bool is_ours(const Checkpoint& checkpoint) const;
  void check_inputs() const;

  // job.cc
  void tell_how_it_begins();
  bool writes_nets() const { return !goes_on_ || flags_.allow_changes; }
  void save_nets(const TrainingNets& nets);
  void begin();
  bool train();
  void give_up(const Error& error);
  void make_steps();
  void note(int64_t iteration, const Training::Step& step, double seconds);
  bool close_epoch();
  Checkpoint checkpoint() const;
  void save();
  void stop();
  TrainReport finish();
  void save_trained(const NetDef& init, const TrainReport& report);
  int64_t runs_in_timeline() const;
  void write_timeline();
  double seconds_left() const;
  void log_step(int64_t iteration, const Training::Step& step);
  std::filesystem::path file(const std::string& suffix) const;
  bool leads() const { return ranks_.rank() == 0; }
  void write_log(const nlohmann::json& event);
  double seconds() const;

  TrainFlags& flags_;
  Job& ranks_;
  std::filesystem::path folder_;
  CheckpointFiles files_;
  std::string name_;
  std::optional<Checkpoint> resumed_;  // until training has it
  bool goes_on_ = false;               // from a checkpoint
  bool goes_back_ = false;             // to the previous one
  std::string why_;                    // not from the newest one
  std::unique_ptr<TrainingData> data_;
  std::unique_ptr<ThreadPool> pool_;
  std::optional<Timeline> timeline_;
  std::unique_ptr<Training> training_;
  std::unique_ptr<TrainLog> log_;  // rank 0
  Progress progress_;
  StopSignal& stop_;
  std::optional<StopAgreement> agreement_;  // of several ranks
  Meter shown_{0.95};
  Meter logged_;
  double evaluation_seconds_ = 0;  // of the last evaluation
  double earlier_seconds_ = 0;     // before this process
  std::optional<CheckpointId> saved_;
  std::chrono::steady_clock::time_point began_;
};

}  // namespace headrace::tools
