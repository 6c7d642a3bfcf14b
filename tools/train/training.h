#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "comm/common_world.h"
#include "core/proto/net.pb.h"
#include "core/thread_pool.h"
#include "core/workspace.h"
#include "data/loader.h"
#include "graph/session.h"
#include "tools/train/checkpoint.h"
#include "tools/train/evaluator.h"
#include "tools/train/net_blobs.h"

namespace headrace::tools {

struct TrainingNets {
  NetDef init;
  NetDef train;  // with micro-batches: the net of the last one, which updates
  NetDef predict;
  std::optional<NetDef> accumulate;  // the net of all others, see net_builders/accumulation.h
};

/// Where the samples come from. Made before the pool pins any thread: see Prefetcher.
struct TrainingData {
  /// `ahead`: training batches that are used together, and made before.
  TrainingData(const DataSet& data, const TrainingOrder& order, int test_batch, int ahead = 1);

  int64_t samples;  // per epoch
  TrainingOrder order;
  TrainingBatches train;
  std::shared_ptr<EvaluationBatches> test;
};

struct TrainingOptions {
  double epochs = 1;
  NetBlobs blobs;  // complete
  /// The ranks that train together, each with a Training of the same data-parallel net; null for
  /// one alone.
  std::shared_ptr<comm::CommonWorld> world;
  SessionOptions session;
  /// Iterations in one run of the net, where so many are left until something has to happen between
  /// two; the others are runs of their own. TrainingData is to have as many batches ahead. One
  /// alone with micro-batches.
  int unroll = 1;
  /// Called before each run of a session of training.
  std::function<void(Session&)> before_run = [](Session&) {};
  /// More of what has to be the same on resume: the data set's name, for example.
  TrainingSetup setup;
};

/// A training job: a net, its state in a workspace, and how far it has come. Does one thing at a
/// time, when told; knows no terminal, no signals and no file names.
class Training {
 public:
  /// Keeps references to `data` and `pool`.
  Training(TrainingNets nets, TrainingData& data, ThreadPool& pool, TrainingOptions options);

  /// Runs the init net, and checks that the prediction net can be run with what it makes.
  void start();
  /// Goes on where the checkpoint was made. Throws kState listing what differs in the setup, unless
  /// changes are allowed (then the result is as good, but not bit for bit the same) and leave the
  /// images per iteration and epoch as they were; kState too for a checkpoint behind the last
  /// iteration; kCorrupt if the tensors are not those of this job.
  void resume(const Checkpoint& checkpoint, bool allow_changes);

  const TrainingState& state() const { return state_; }
  int64_t iterations() const { return iterations_; }  // all together
  int64_t epochs() const;                             // all together, the last perhaps in part
  bool finished() const { return state_.iteration >= iterations_ && !epoch_ended(); }
  /// An epoch has ended that is not evaluated yet.
  bool epoch_ended() const;

  struct Step {
    double loss = 0;
    std::optional<double> accuracy;  // if the net measures it
    std::optional<double> learning_rate;
  };
  /// The next iterations: at most `most`, none behind the end of an epoch, and as many as one run
  /// of the net makes or a single one. Throws what the net throws; kNumeric if a loss is not
  /// finite, before anything that follows from it has run.
  std::vector<Step> steps(int64_t most = 1);

  /// Evaluates the test images, with other ranks if there are any, with running statistics (their
  /// means over ranks) and, where the net keeps them, averaged
  /// parameters, and closes the epoch. Nothing if stopped.
  std::optional<EpochResult> evaluate(const Evaluator::Stop& stop);

  Checkpoint checkpoint() const;
  /// Everything the prediction net reads (averaged parameters where the net keeps them) as an init
  /// net of given tensors.
  NetDef trained_init_net();
  const TrainingNets& nets() const { return nets_; }

  /// Adds time that has passed in training to state().seconds.
  void spend(double seconds) { state_.seconds += seconds; }

 private:
  TrainingSetup make_setup();
  /// What a run has to be fed as its step `step` of `steps`: a batch of the cut.
  void feed(int64_t batch, int step = 0, int steps = 1);
  /// One iteration, or one of its micro-batches.
  void run(Session& session, int64_t micro_batch);
  void run_unrolled();
  /// What step `step` of `steps` in the last run has measured.
  Step measured(int step, int steps) const;
  void count(const Step& step);
  int64_t iterations_left_in_epoch() const;
  std::vector<std::string> state_names() const;
  void share_with_prediction();
  /// Evaluation has to be possible: an epoch that nobody can evaluate is lost.
  void check_prediction();
  void average_statistics();
  int64_t epochs_due() const;

  TrainingNets nets_;
  TrainingData& data_;
  TrainingOptions options_;
  NetRoles roles_;
  NetBlobs measured_;  // loss and accuracy are those of all ranks
  int64_t iterations_ = 0;
  TrainingState state_;
  Workspace workspace_;
  Workspace prediction_;  // shares the parameters' buffers while evaluating
  ThreadPool& pool_;
  Session session_;
  std::optional<Session> unrolled_;    // several iterations in a run
  std::optional<Session> accumulate_;  // of all micro-batches but the last
  std::optional<Session> statistics_;  // their means over ranks
  Evaluator evaluator_;
};

}  // namespace headrace::tools
