// Evaluation shared by ranks: every image counts once, on one of them.
#include "tools/train/evaluator.h"

#include <atomic>

#include <gtest/gtest.h>

#include "net_builders/net.h"
#include "tests/support/workers.h"

namespace headrace {
namespace {

using testing::Workers;
using tools::Evaluation;
using tools::Evaluator;

constexpr int64_t kImages = 23;  // a prime, which no number of ranks divides
constexpr int kBatch = 4;
constexpr int kClasses = 7;

/// Images that all differ; counts how often each is read.
class Counted final : public DataSource {
 public:
  int64_t size() const override { return kImages; }
  int classes() const override { return kClasses; }
  void read(int64_t index, Sample& sample) const override {
    ++reads_[static_cast<size_t>(index)];
    sample.height = 2;
    sample.width = 3;
    sample.channels = 1;
    sample.storage.clear();
    for (int i = 0; i < 6; ++i) {
      sample.storage.push_back(static_cast<uint8_t>((index + 1) * (i + 3) * 7));
    }
    sample.pixels = sample.storage;
    sample.label = static_cast<int32_t>(index * 3 % kClasses);
  }
  int reads(int64_t index) const { return reads_[static_cast<size_t>(index)]; }

 private:
  mutable std::array<std::atomic<int>, kImages> reads_ = {};
};

NetDef net_of(const char* phase) {
  Net net("small");
  net.predicts(net.input("data", {kBatch, 1, 2, 3}).fc(kClasses).softmax());
  return std::string(phase) == "init" ? net.init_net() : net.predict_net();
}

Evaluation evaluate(int ranks, const std::shared_ptr<Counted>& source) {
  const NetDef predict = net_of("predict");
  Workers workers(ranks, {});
  std::vector<Evaluation> all(static_cast<size_t>(ranks));
  workers.each([&](int rank, Workers::Worker& worker) {
    run_once(net_of("init"), worker.workspace, *worker.pool);
    Evaluator evaluator(
        predict, {.data = "data", .prediction = predict.external_output(0)}, worker.workspace,
        *worker.pool, {},
        std::make_shared<EvaluationBatches>(source, Normalisation{{0.5f}, {0.25f}}, kBatch));
    evaluator.share(worker.world);
    all[static_cast<size_t>(rank)] = evaluator.run().value();
  });
  for (const Evaluation& each : all) {
    EXPECT_EQ(each.samples, all[0].samples);
    EXPECT_EQ(each.correct, all[0].correct);
    EXPECT_EQ(each.loss_sum, all[0].loss_sum);
  }
  return all[0];
}

TEST(SharedEvaluation, CountsEveryImageOnceForAnyNumberOfRanks) {
  const auto alone = std::make_shared<Counted>();
  const Evaluation expected = evaluate(1, alone);
  EXPECT_EQ(expected.samples, kImages);
  EXPECT_GT(expected.correct, 0);
  EXPECT_LT(expected.correct, kImages);
  for (int ranks = 2; ranks <= 9; ++ranks) {  // there are 6 batches: the last ranks have none
    const auto source = std::make_shared<Counted>();
    const Evaluation found = evaluate(ranks, source);
    EXPECT_EQ(found.samples, kImages) << ranks;
    EXPECT_EQ(found.correct, expected.correct) << ranks;
    EXPECT_EQ(found.correct_top5, expected.correct_top5) << ranks;
    EXPECT_NEAR(found.loss_sum, expected.loss_sum, 1e-12 * expected.loss_sum) << ranks;
    for (int64_t i = 0; i < kImages; ++i) EXPECT_EQ(source->reads(i), 1) << "image " << i;
  }
}

}  // namespace
}  // namespace headrace
