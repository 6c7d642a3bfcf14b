#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "comm/common_world.h"
#include "core/proto/net.pb.h"
#include "core/thread_pool.h"
#include "core/workspace.h"
#include "data/loader.h"
#include "graph/session.h"

namespace headrace::tools {

/// Sums over samples, each counted once.
struct Evaluation {
  int64_t samples = 0;
  int64_t correct = 0;
  int64_t correct_top5 = 0;
  double loss_sum = 0;
  double seconds = 0;

  double accuracy() const;
  double top5_accuracy() const;
  double loss() const;
};

/// Adds what the scores [n, classes] say about labels [n]. The predicted class is the first of the
/// largest scores; the loss is the cross-entropy of the scores if each row is a distribution, else
/// that of their softmax. Throws kShapeMismatch, or kNumeric for a label that is no class and for
/// scores that are no numbers.
void count_predictions(const Tensor& scores, const Tensor& labels, Evaluation& sums);

/// Runs a prediction net over all images of a source.
class Evaluator {
 public:
  struct Blobs {
    std::string data;
    std::string prediction;
  };
  /// `workspace` holds the parameters. Makes a thread that reads images: see Prefetcher.
  Evaluator(const NetDef& net, Blobs blobs, Workspace& workspace, ThreadPool& pool,
            const SessionOptions& options, std::shared_ptr<EvaluationBatches> batches);

  /// Finds out before anything is run whether the net can be: its inputs are there, the blob
  /// asked for is one of its own and can be scores. Throws what compiling does; kShapeMismatch.
  void check();

  /// Asked before each batch; true ends the evaluation, which then returns nothing.
  using Stop = std::function<bool()>;
  std::optional<Evaluation> run(const Stop& stop = [] { return false; });

  /// The images are shared by the ranks of a group, and each counts once: this rank takes its part
  /// of the batches, run() returns the sums of all. Every rank has to run to the end.
  void share(std::shared_ptr<comm::CommonWorld> world) { world_ = std::move(world); }

 private:
  Blobs blobs_;
  Workspace& workspace_;
  std::shared_ptr<EvaluationBatches> batches_;
  std::shared_ptr<comm::CommonWorld> world_;
  Session session_;
};

}  // namespace headrace::tools
