// Batches hold what their positions say, whoever asks in whatever order; pixels are normalised and
// moved as documented.
#include "data/loader.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/support/expect_error.h"

namespace headrace {
namespace {

using testing::expect_error;

/// Images of two channels whose every pixel differs; image i has label i % 7.
class Numbered final : public DataSource {
 public:
  explicit Numbered(int64_t size, int64_t broken = -1) : size_(size), broken_(broken) {}
  int64_t size() const override { return size_; }
  int classes() const override { return 7; }
  void read(int64_t index, Sample& sample) const override {
    require(index != broken_, ErrorCode::kCorrupt, "image {} is broken", index);
    sample.height = 3;
    sample.width = 4;
    sample.channels = 2;
    sample.storage.clear();
    for (int i = 0; i < 24; ++i) sample.storage.push_back(static_cast<uint8_t>(index * 24 + i));
    sample.pixels = sample.storage;
    sample.label = static_cast<int32_t>(index % 7);
  }

 private:
  int64_t size_;
  int64_t broken_;
};

DataSet numbered(int64_t size, int64_t broken = -1) {
  return {.train = std::make_shared<Numbered>(size, broken),
          .test = nullptr,
          .mean = {0, 0.5f},
          .deviation = {1 / 255.0f, 0.25f},
          .class_names = {}};
}

/// Pixel (channel, y, x) of an image as Numbered makes it.
uint8_t pixel(int64_t index, int c, int y, int x) {
  return static_cast<uint8_t>(index * 24 + (y * 4 + x) * 2 + c);
}

TEST(ReadBatch, NormalisesEachChannelAndSeparatesThem) {
  const DataSet data = numbered(10);
  Batch batch;
  const std::vector<SampleStream::Draw> draws = {{0, 3}, {0, 9}};
  read_batch(*data.train, draws, {data.mean, data.deviation}, nullptr, 1, batch);
  ASSERT_EQ(batch.images.shape(), (Shape{2, 2, 3, 4}));
  const auto images = batch.images.data<float>();
  for (int i = 0; i < 2; ++i) {
    for (int y = 0; y < 3; ++y) {
      for (int x = 0; x < 4; ++x) {
        const float first = images[static_cast<size_t>(((i * 2 + 0) * 3 + y) * 4 + x)];
        const float second = images[static_cast<size_t>(((i * 2 + 1) * 3 + y) * 4 + x)];
        EXPECT_NEAR(first, pixel(draws[i].index, 0, y, x), 1e-4);
        EXPECT_NEAR(second, (pixel(draws[i].index, 1, y, x) / 255.0 - 0.5) * 4, 1e-6);
      }
    }
    EXPECT_EQ(batch.labels.data<int32_t>()[static_cast<size_t>(i)], draws[i].index % 7);
  }
}

TEST(ReadBatch, MovesAndMirrorsAtRandomByEpochAndSample) {
  const DataSet data = numbered(1);
  const Augmentation augmentation{.shift = 1, .flip = true};
  const auto image = [&](int64_t epoch) {
    Batch batch;
    const std::vector<SampleStream::Draw> draws = {{epoch, 0}};
    read_batch(*data.train, draws, {{0, 0}, {1 / 255.0f, 1 / 255.0f}}, &augmentation, 1, batch);
    const auto pixels = batch.images.data<float>();
    std::vector<int> rounded;
    for (const float value : pixels) rounded.push_back(static_cast<int>(std::lround(value)));
    return rounded;
  };
  // All results that the documentation allows: 3 x 3 moves, mirrored or not.
  std::set<std::vector<int>> allowed;
  for (int dy = -1; dy <= 1; ++dy) {
    for (int dx = -1; dx <= 1; ++dx) {
      for (const bool mirrored : {false, true}) {
        std::vector<int> moved;
        for (int c = 0; c < 2; ++c) {
          for (int y = 0; y < 3; ++y) {
            for (int x = 0; x < 4; ++x) {
              const int from_y = y + dy;
              const int from_x = (mirrored ? 3 - x : x) + dx;
              const bool inside = from_y >= 0 && from_y < 3 && from_x >= 0 && from_x < 4;
              moved.push_back(inside ? pixel(0, c, from_y, from_x) : 0);
            }
          }
        }
        allowed.insert(moved);
      }
    }
  }
  std::set<std::vector<int>> seen;
  for (int64_t epoch = 0; epoch < 400; ++epoch) {
    EXPECT_EQ(image(epoch), image(epoch));
    seen.insert(image(epoch));
  }
  EXPECT_EQ(seen, allowed);
}

std::vector<int32_t> labels(const Batch& batch) {
  const auto span = batch.labels.data<int32_t>();
  return {span.begin(), span.end()};
}

TEST(TrainingBatches, AreTheSameInAnyOrderOfAsking) {
  const DataSet data = numbered(103);
  const TrainingOrder order{.seed = 5, .cut = {.batch = 8, .rank = 1, .world = 2}};
  std::vector<std::vector<int32_t>> straight;
  {
    TrainingBatches batches(data, order);
    for (int64_t t = 0; t < 40; ++t) straight.push_back(labels(batches.take(t)));
  }
  TrainingBatches batches(data, order);
  for (const int64_t t : {7, 8, 9, 3, 39, 0, 0, 1, 20}) {
    EXPECT_EQ(labels(batches.take(t)), straight[static_cast<size_t>(t)]) << t;
  }
  const SampleStream stream(103, 5);
  for (int64_t t = 0; t < 40; ++t) {
    for (int64_t i = 0; i < 8; ++i) {
      EXPECT_EQ(straight[t][i], stream.at(order.cut.first(t) + i).index % 7);
    }
  }
}

TEST(TrainingBatches, ABatchStaysValidWhileTheNextIsMade) {
  const DataSet data = numbered(64);
  TrainingBatches batches(data, {.cut = {.batch = 16}});
  for (int64_t t = 0; t < 50; ++t) {
    const Batch& batch = batches.take(t);
    const auto first = labels(batch);
    const std::vector<float> pixels(batch.images.data<float>().begin(),
                                    batch.images.data<float>().end());
    EXPECT_EQ(labels(batch), first);
    EXPECT_TRUE(std::ranges::equal(pixels, batch.images.data<float>()));
  }
}

// As many as are made ahead can be used together, while those behind them are made.
TEST(TrainingBatches, AsManyStayValidAsAreMadeAhead) {
  const DataSet data = numbered(64);
  const TrainingOrder order{.seed = 3, .cut = {.batch = 16}};
  TrainingBatches one_by_one(data, order);
  constexpr int kAhead = 4;
  TrainingBatches batches(data, order, kAhead);
  int64_t number = 0;
  for (int round = 0; round < 20; ++round) {
    std::vector<const Batch*> together;
    std::vector<std::vector<int32_t>> expected;
    for (int i = 0; i < kAhead; ++i, ++number) {
      together.push_back(&batches.take(number));
      expected.push_back(labels(one_by_one.take(number)));
    }
    for (int i = 0; i < kAhead; ++i) EXPECT_EQ(labels(*together[i]), expected[i]) << number;
    if (round == 10) number += 5;
  }
  EXPECT_THROW(TrainingBatches(data, order, 0), Error);
}

TEST(TrainingBatches, AnErrorReachesWhoTakesTheBatch) {
  const DataSet data = numbered(16, /*broken=*/11);
  TrainingBatches batches(data, {.cut = {.batch = 4}});
  int failed = 0;
  for (int64_t t = 0; t < 8; ++t) {  // two epochs, so twice
    try {
      batches.take(t);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
      EXPECT_NE(std::string(error.what()).find("image 11 is broken"), std::string::npos);
      ++failed;
    }
  }
  EXPECT_EQ(failed, 2);
}

TEST(EvaluationBatches, CountEveryImageOnce) {
  const DataSet data = numbered(103);
  for (const int batch : {1, 10, 103, 200}) {
    EvaluationBatches batches(data.train, {data.mean, data.deviation}, batch);
    std::vector<int32_t> all;
    for (int64_t i = 0; i < batches.count(); ++i) {
      for (const int32_t label : labels(batches.take(i))) all.push_back(label);
    }
    ASSERT_EQ(all.size(), 103u);
    for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], static_cast<int32_t>(i % 7));
  }
}

TEST(ReadBatch, RefusesChannelsWithoutNormalisation) {
  const DataSet data = numbered(4);
  Batch batch;
  const std::vector<SampleStream::Draw> draws = {{0, 0}};
  expect_error(ErrorCode::kShapeMismatch, "2 channels, their mean and deviation are given for 1",
               [&] {
                 read_batch(*data.train, draws, {{0}, {1}}, nullptr, 1, batch);
               });
}

}  // namespace
}  // namespace headrace
