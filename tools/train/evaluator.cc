#include "tools/train/evaluator.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <numeric>
#include <span>

#include "core/error.h"

namespace headrace::tools {
namespace {

constexpr float kSumTolerance = 1e-3f;  // of probabilities in float32
constexpr float kLeastProbability = 1e-20f;

bool is_distribution(std::span<const float> row) {
  const float sum = std::accumulate(row.begin(), row.end(), 0.0f);
  return std::abs(sum - 1) < kSumTolerance &&
         std::ranges::all_of(row, [](float p) { return p >= 0; });
}

double loss_of(std::span<const float> row, size_t label) {
  if (is_distribution(row)) return -std::log(std::max(row[label], kLeastProbability));
  const float largest = std::ranges::max(row);
  double sum = 0;
  for (const float score : row) sum += std::exp(static_cast<double>(score - largest));
  return std::log(sum) - static_cast<double>(row[label] - largest);
}

/// How many classes come before the label: those with a larger score, and those with the same
/// score and a lower number.
int64_t rank_of(std::span<const float> row, size_t label) {
  int64_t rank = 0;
  for (size_t i = 0; i < row.size(); ++i) {
    rank += row[i] > row[label] || (row[i] == row[label] && i < label);
  }
  return rank;
}

double fraction(double part, int64_t whole) {
  return whole > 0 ? part / static_cast<double>(whole) : 0;
}

/// [n, classes], perhaps with axes of 1 behind.
bool are_scores(const Shape& shape, int64_t n) {
  return shape.rank() >= 2 && shape[0] == n && shape.numel() == shape[0] * shape[1];
}

SessionOptions readable(SessionOptions options, const std::string& blob) {
  options.compile.readable.names.push_back(blob);
  return options;
}

/// The sums of all ranks.
void add_up(Evaluation& sums, comm::Group& group) {
  std::array<int64_t, 3> counts = {sums.samples, sums.correct, sums.correct_top5};
  group.run({.dtype = DType::kInt64,
             .data = counts.data(),
             .count = counts.size(),
             .name = "counts of the evaluation"});
  group.run({.dtype = DType::kFloat64,
             .data = &sums.loss_sum,
             .count = 1,
             .name = "loss of the evaluation"});
  sums.samples = counts[0];
  sums.correct = counts[1];
  sums.correct_top5 = counts[2];
}

}  // namespace

double Evaluation::accuracy() const { return fraction(static_cast<double>(correct), samples); }
double Evaluation::top5_accuracy() const {
  return fraction(static_cast<double>(correct_top5), samples);
}
double Evaluation::loss() const { return fraction(loss_sum, samples); }

void count_predictions(const Tensor& scores, const Tensor& labels, Evaluation& sums) {
  const Shape& shape = scores.shape();
  require(are_scores(shape, labels.numel()), ErrorCode::kShapeMismatch,
          "predictions have the shape {}; expected {} rows, one per image, and a column per class",
          shape.to_string(), labels.numel());
  const auto classes = static_cast<size_t>(shape[1]);
  const auto values = scores.data<float>();
  for (size_t i = 0; i < labels.data<int32_t>().size(); ++i) {
    const auto row = values.subspan(i * classes, classes);
    const int32_t label = labels.data<int32_t>()[i];
    require(label >= 0 && static_cast<size_t>(label) < classes, ErrorCode::kNumeric,
            "label {} is not below the {} classes of the net", label, classes);
    require(std::ranges::all_of(row, [](float v) { return std::isfinite(v); }), ErrorCode::kNumeric,
            "the net predicts NaN or infinity for image {} of a batch", i);
    const int64_t rank = rank_of(row, static_cast<size_t>(label));
    sums.correct += rank == 0;
    sums.correct_top5 += rank < 5;
    sums.loss_sum += loss_of(row, static_cast<size_t>(label));
    ++sums.samples;
  }
}

Evaluator::Evaluator(const NetDef& net, Blobs blobs, Workspace& workspace, ThreadPool& pool,
                     const SessionOptions& options, std::shared_ptr<EvaluationBatches> batches)
    : blobs_(std::move(blobs)),
      workspace_(workspace),
      batches_(std::move(batches)),
      session_(net, workspace, pool, readable(options, blobs_.prediction)) {}

void Evaluator::check() {
  const Tensor& images = batches_->take(0, true).images;
  workspace_.feed(blobs_.data, images);
  const Plan& plan = session_.plan();
  const auto value = static_cast<size_t>(plan.graph.slots.at(blobs_.prediction).last);
  const TensorDesc& desc = plan.descs[value];
  if (desc.dtype == DType::kUndefined) return;  // known when it runs
  require(desc.dtype == DType::kFloat32 && are_scores(desc.shape, images.shape()[0]),
          ErrorCode::kShapeMismatch,
          "'{}' of the prediction net is {} for {} images; scores are float32, a row per image and "
          "a column per class",
          blobs_.prediction, desc.to_string(), images.shape()[0]);
}

std::optional<Evaluation> Evaluator::run(const Stop& stop) {
  const auto start = std::chrono::steady_clock::now();
  Evaluation sums;
  const int64_t rank = world_ == nullptr ? 0 : world_->rank();
  const int64_t ranks = world_ == nullptr ? 1 : world_->size();
  const int64_t end = batches_->count() * (rank + 1) / ranks;
  for (int64_t i = batches_->count() * rank / ranks; i < end; ++i) {
    if (stop()) return std::nullopt;
    const Batch& batch = batches_->take(i, i + 1 == end);
    workspace_.feed(blobs_.data, batch.images);
    session_.run(static_cast<uint64_t>(i));
    count_predictions(workspace_.fetch(blobs_.prediction), batch.labels, sums);
  }
  if (ranks > 1) add_up(sums, world_->group());
  sums.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return sums;
}

}  // namespace headrace::tools
