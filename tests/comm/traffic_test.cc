// What an allreduce moves, counted where it moves: between the group and a transport. Reference: 2
// (p - 1) / p of the vector per rank is the least there is (Patarasuk and Yuan, 2009), which ring
// and halving-doubling send in 2 (p - 1) and 2 lg p messages (Thakur, Rabenseifner and Gropp,
// 2005).
#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "comm/group.h"
#include "comm/store.h"
#include "comm/transport/inproc.h"
#include "comm/transport/shm.h"
#include "comm/transport/tcp.h"
#include "net_builders/data_parallel.h"
#include "net_builders/train_step.h"
#include "tests/comm/ranks.h"
#include "tests/net_builders/small_problem.h"
#include "tests/support/workers.h"

namespace headrace::comm {
namespace {

struct Traffic {
  size_t bytes = 0;
  int messages = 0;
  size_t outside = 0;                          // bytes that are in no region
  std::map<const std::byte*, size_t> regions;  // now, and their bytes
};

/// Counts what is sent through another transport. The group calls one thread at a time.
class Counting final : public Transport {
 public:
  Counting(std::unique_ptr<Transport> inner, Traffic& sent)
      : Transport(inner->rank(), inner->size(), inner->lanes(), inner->ranks_on_host(),
                  inner->cores_on_host(), inner->ranks_per_host()),
        inner_(std::move(inner)),
        sent_(sent) {}

  std::string_view name() const override { return inner_->name(); }
  void listen(TransportListener& listener) override { inner_->listen(listener); }
  void add_region(void* data, size_t bytes) override {
    sent_.regions[static_cast<const std::byte*>(data)] = bytes;
    inner_->add_region(data, bytes);
  }
  void remove_region(void* data) override {
    sent_.regions.erase(static_cast<const std::byte*>(data));
    inner_->remove_region(data);
  }
  void send(Message& message) override {
    const bool inside = std::ranges::any_of(sent_.regions, [&](const auto& region) {
      return region.first <= message.data &&
             message.data + message.bytes <= region.first + region.second;
    });
    if (!inside) sent_.outside += message.bytes;
    sent_.bytes += message.bytes;
    ++sent_.messages;
    inner_->send(message);
  }
  void receive(Message& message) override { inner_->receive(message); }
  bool poll() override { return inner_->poll(); }
  void flush() override { inner_->flush(); }
  void cancel() override { inner_->cancel(); }
  void wait(std::chrono::steady_clock::time_point until) override { inner_->wait(until); }
  void wake() override { inner_->wake(); }
  void tell(const Failure& failure) override { inner_->tell(failure); }
  void close() override { inner_->close(); }
  void ask(int peer, uint32_t op) override { inner_->ask(peer, op); }

 private:
  std::unique_ptr<Transport> inner_;
  Traffic& sent_;
};

std::vector<std::unique_ptr<Transport>> transports(const std::string& name, int size,
                                                   int lanes = 1) {
  if (name == "inproc") return make_inproc_transports(size, lanes);
  const auto store = make_memory_store();
  std::vector<std::unique_ptr<Transport>> all(static_cast<size_t>(size));
  headrace::testing::on_ranks(size, [&](int rank) {
    const MeshOptions options{.rank = rank, .size = size, .secret = Secret("a secret of the test")};
    auto& mine = all[static_cast<size_t>(rank)];
    mine =
        name == "tcp" ? connect_tcp(options, lanes, *store) : connect_shm(options, lanes, *store);
  });
  return all;
}

class CountedTraffic : public ::testing::TestWithParam<std::string> {};

TEST_P(CountedTraffic, OfAnAllreduceIsTheLeastThereIs) {
  for (int p : {2, 3, 4, 5, 8}) {
    const auto ranks = static_cast<size_t>(p);
    std::vector<Traffic> sent(ranks);
    Groups groups;
    for (auto& transport : transports(GetParam(), p)) {
      Traffic& mine = sent[static_cast<size_t>(transport->rank())];
      groups.push_back(std::make_unique<Group>(
          std::make_unique<Counting>(std::move(transport), mine), GroupOptions{.concurrent = 1}));
    }
    for (Algorithm algorithm : {Algorithm::kRing, Algorithm::kHalvingDoubling}) {
      const bool power_of_two = std::has_single_bit(ranks);
      if (algorithm == Algorithm::kHalvingDoubling && !power_of_two) continue;
      for (size_t count : {1000 * ranks, size_t{10007}}) {
        SCOPED_TRACE(std::string(name_of(algorithm)) + ", " + std::to_string(p) + " ranks, " +
                     std::to_string(count));
        std::vector<std::vector<float>> data(ranks, std::vector<float>(count));
        std::vector<double> exact(count, 0);
        std::vector<double> magnitude(count, 0);
        std::mt19937 random(static_cast<unsigned>(count));
        for (auto& vector : data) {
          for (size_t i = 0; i < count; ++i) {
            vector[i] = std::uniform_real_distribution<float>(-1, 1)(random);
            exact[i] += vector[i];
            magnitude[i] += std::abs(vector[i]);
          }
        }
        for (Traffic& mine : sent) mine = {};
        const auto errors = on_all_ranks(groups, [&](Group& group) {
          group.run({.algorithm = algorithm,
                     .data = data[static_cast<size_t>(group.rank())].data(),
                     .count = count,
                     .segment = count,
                     .name = "x"});
        });
        for (size_t r = 0; r < ranks; ++r) {
          EXPECT_EQ(errors[r], "");
          const int steps = algorithm == Algorithm::kRing
                                ? 2 * (p - 1)
                                : 2 * std::countr_zero(static_cast<unsigned>(p));
          EXPECT_EQ(sent[r].messages, steps);
          const double least = 2.0 * (p - 1) / p * static_cast<double>(count) * sizeof(float);
          // A part is rounded up or down by one element.
          const double rounding =
              count % ranks == 0 ? 0 : 2.0 * (p - 1) * static_cast<double>(sizeof(float));
          EXPECT_NEAR(static_cast<double>(sent[r].bytes), least, rounding);
          for (size_t i = 0; i < count; ++i) {
            ASSERT_NEAR(data[r][i], exact[i], p * 0x1p-24 * magnitude[i]) << i;
          }
        }
      }
    }
  }
}

// What ranks of one host may read from each other: the gradients, which are all that is long.
TEST(CountedRegions, HoldTheBucketsOfARun) {
  constexpr int kRanks = 2;
  constexpr int kWide = 20'000;
  Net net("wide");
  const Value x = net.input("data", {4, 16}).fc(kWide).relu().fc(5);
  TrainStep step(x.softmax_cross_entropy(net.labels("label", 4)));
  step.optimizer(MomentumSgd{.momentum = 0.9f}).schedule(fixed_rate(0.1f));
  std::vector<Traffic> sent(kRanks);
  const auto train = [&](bool counted) {
    headrace::testing::Workers::Options options;
    if (counted) {
      options.connect = [&](int size, const GroupOptions& group) {
        Groups groups;
        for (auto& transport : transports("shm", size, group.concurrent)) {
          Traffic& mine = sent[static_cast<size_t>(transport->rank())];
          groups.push_back(std::make_unique<Group>(
              std::make_unique<Counting>(std::move(transport), mine), group));
        }
        return groups;
      };
    }
    headrace::testing::Workers workers(kRanks, data_parallel_init(step.init_net(), kRanks),
                                       data_parallel(step.train_net(), kRanks), options);
    for (uint64_t t = 0; t < 3; ++t) {
      workers.each([&](int rank, headrace::testing::Workers::Worker& worker) {
        std::vector<float> data(4 * 16);
        for (size_t i = 0; i < data.size(); ++i) {
          data[i] = std::sin(static_cast<float>(i + 100 * t) + static_cast<float>(rank));
        }
        worker.workspace.feed("data", Tensor::from<float>({4, 16}, data));
        worker.workspace.feed("label", Tensor::from<int32_t>({4}, {0, 3, 1, rank}));
        if (t == 1) sent[static_cast<size_t>(rank)].bytes = 0;
        if (t == 1) sent[static_cast<size_t>(rank)].outside = 0;
        worker.session->run(t);
      });
    }
    return headrace::testing::parameters_of(step, workers[0]);
  };
  EXPECT_EQ(train(true), train(false));
  for (const Traffic& mine : sent) {
    constexpr size_t kGradients = sizeof(float) * (kWide * (16 + 1 + 5) + 5);
    EXPECT_GT(mine.bytes, 2 * kGradients);  // two steps
    EXPECT_LT(mine.outside, 1000u);
    EXPECT_TRUE(mine.regions.empty());  // they went with the run
  }
}

INSTANTIATE_TEST_SUITE_P(All, CountedTraffic, ::testing::Values("inproc", "shm", "tcp"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace headrace::comm
