#pragma once

// A graph whose nodes check the executor that runs them.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.h"
#include "graph/executor.h"
#include "graph/schedule.h"

namespace headrace::testing {

struct TestGraph {
  std::vector<ScheduleNode> nodes;
  std::vector<ScheduleEdge> edges;  // from < to
};

struct TestGraphOptions {
  int nodes = 100;
  double edges_per_node = 2;
  double async = 0;     // share of nodes
  double blocking = 0;  // share of nodes
  double issued = 0;    // share of the edges out of asynchronous nodes that wait for issue only
};

/// Random edges to later nodes, mostly near ones; some nodes join or feed very many.
inline TestGraph random_graph(const TestGraphOptions& options, std::mt19937_64& random) {
  const auto chance = [&](double p) { return std::bernoulli_distribution(p)(random); };
  const auto between = [&](int low, int high) {
    return std::uniform_int_distribution(low, high)(random);
  };
  TestGraph graph;
  for (int n = 0; n < options.nodes; ++n) {
    // From far below to far above what is worth moving to another thread.
    ScheduleNode node{.cost_ns = std::pow(10.0, between(0, 6))};
    if (chance(options.async)) {
      node.kind = NodeKind::kAsync;
    } else if (chance(options.blocking)) {
      node.kind = NodeKind::kBlocking;
    }
    graph.nodes.push_back(node);
  }
  const auto connect = [&](int from, int to) {
    const bool issued = graph.nodes[from].kind == NodeKind::kAsync && chance(options.issued);
    graph.edges.push_back({from, to, issued ? EdgeWait::kIssued : EdgeWait::kDone});
  };
  const auto edges = static_cast<int>(options.nodes * options.edges_per_node);
  for (int e = 0; e < edges && options.nodes > 1; ++e) {
    const int to = between(1, options.nodes - 1);
    connect(chance(0.8) ? between(std::max(0, to - 10), to - 1) : between(0, to - 1), to);
  }
  if (options.nodes > 8 && chance(0.5)) {
    const int hub = between(1, options.nodes - 2);
    for (int n = 0; n < options.nodes; ++n) {
      if (n < hub && chance(0.7)) connect(n, hub);
      if (n > hub && chance(0.7)) connect(hub, n);
    }
  }
  return graph;
}

/// Threads of nobody the executor knows, which run what they are given in a random order.
class ForeignThreads {
 public:
  explicit ForeignThreads(int threads) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this, i] { work(i); });
  }
  ~ForeignThreads() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    arrived_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  void post(std::function<void()> action) {
    {
      const std::lock_guard lock(mutex_);
      actions_.push_back(std::move(action));
    }
    arrived_.notify_one();
  }

 private:
  void work(int seed) {
    std::minstd_rand random(static_cast<unsigned>(seed) + 1);
    std::unique_lock lock(mutex_);
    for (;;) {
      arrived_.wait(lock, [this] { return !actions_.empty() || stop_; });
      if (actions_.empty()) return;
      std::swap(actions_[random() % actions_.size()], actions_.back());
      const std::function<void()> action = std::move(actions_.back());
      actions_.pop_back();
      lock.unlock();
      action();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<std::function<void()>> actions_;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

/// Each node computes a value from those of the nodes it waits for, in plain memory: a node that
/// ran too early, twice or not at all gives a wrong value, and a hand-over without synchronisation
/// is a race that ThreadSanitizer sees.
class CheckingRunner : public NodeRunner {
 public:
  CheckingRunner(const TestGraph& graph, int width, ForeignThreads* foreign = nullptr)
      : graph_(graph),
        foreign_(foreign),
        done_edges_(graph.nodes.size()),
        issue_edges_(graph.nodes.size()),
        fails_(graph.nodes.size(), false),
        values_(graph.nodes.size()),
        begun_(graph.nodes.size()),
        ended_(graph.nodes.size()),
        busy_(static_cast<std::size_t>(width)) {
    for (const ScheduleEdge& edge : graph.edges) {
      (edge.wait == EdgeWait::kDone ? done_edges_ : issue_edges_)[edge.to].push_back(edge.from);
    }
  }

  /// Makes a node fail: inline and blocking ones by an exception, asynchronous ones by one or the
  /// other way.
  void set_failing(int node) { fails_[node] = true; }
  void set_action(std::function<void(int node)> action) { action_ = std::move(action); }

  void run(int node, int worker) override {
    const Occupied occupied(*this, worker);
    begin(node);
    if (action_) action_(node);
    if (fails_[node]) throw Error(ErrorCode::kInternal, std::to_string(node));
    end(node);
  }

  void start(int node, int worker, Completion done) override {
    const Occupied occupied(*this, worker);
    begin(node);
    const auto complete = [this, node, done] {
      if (fails_[node]) {
        done(std::make_exception_ptr(Error(ErrorCode::kInternal, std::to_string(node))));
      } else {
        end(node);
        done();
      }
    };
    if (fails_[node] && node % 3 == 0) throw Error(ErrorCode::kInternal, std::to_string(node));
    if (foreign_ == nullptr || node % 4 == 1) {
      complete();  // before start() has returned
    } else {
      foreign_->post(complete);
    }
  }

  void on_abort() noexcept override {
    aborts_.fetch_add(1, kRelaxed);
    begun_at_abort_.store(begun_count_.load(kRelaxed), kRelaxed);
  }

  /// Forgets the run before.
  void reset() {
    std::ranges::fill(values_, 0);
    for (std::atomic<int>& n : begun_) n = 0;
    for (std::atomic<int>& n : ended_) n = 0;
    begun_count_ = aborts_ = begun_at_abort_ = 0;
  }

  /// After a run without errors: every node ran once and saw what it waits for.
  void expect_complete() const {
    std::vector<std::uint64_t> expected(values_.size());
    for (std::size_t n = 0; n < values_.size(); ++n) {
      ASSERT_EQ(begun_[n], 1) << "node " << n;
      ASSERT_EQ(ended_[n], 1) << "node " << n;
      expected[n] = combine(static_cast<int>(n), expected);
      ASSERT_EQ(values_[n], expected[n]) << "node " << n << " ran before it was ready";
    }
    EXPECT_EQ(aborts_, 0);
  }

  /// After a run that failed: nothing is running, nothing ran twice, and hardly anything began
  /// after the error: what had passed the check just before, at most one node per thread.
  void expect_ended(int threads) const {
    for (std::size_t n = 0; n < values_.size(); ++n) {
      ASSERT_LE(begun_[n], 1) << "node " << n;
      ASSERT_TRUE(ended_[n] == begun_[n] || fails_[n]) << "node " << n << " is still running";
    }
    EXPECT_EQ(aborts_, 1);
    EXPECT_LE(begun_count_ - begun_at_abort_, threads);
  }

  int begun(int node) const { return begun_[node]; }
  bool fails(int node) const { return fails_[node]; }

 private:
  // The counters of this class must not order what the executor fails to order.
  static constexpr std::memory_order kRelaxed = std::memory_order_relaxed;

  /// Holds the number of a worker while its node runs.
  class Occupied {
   public:
    Occupied(CheckingRunner& runner, int worker)
        : busy_(worker < 0 ? nullptr : &runner.busy_.at(static_cast<std::size_t>(worker))) {
      if (busy_ == nullptr) return;
      EXPECT_FALSE(busy_->exchange(true, kRelaxed)) << "two nodes on worker " << worker;
    }
    ~Occupied() {
      if (busy_ != nullptr) busy_->store(false, kRelaxed);
    }

   private:
    std::atomic<bool>* busy_;
  };

  void begin(int node) {
    begun_count_.fetch_add(1, kRelaxed);
    EXPECT_EQ(begun_[node].fetch_add(1, kRelaxed), 0) << "node " << node << " runs twice";
    for (const int from : issue_edges_[node]) EXPECT_EQ(begun_[from].load(kRelaxed), 1);
    for (const int from : done_edges_[node]) EXPECT_EQ(ended_[from].load(kRelaxed), 1);
  }

  void end(int node) {
    values_[node] = combine(node, values_);
    ended_[node].fetch_add(1, kRelaxed);
  }

  std::uint64_t combine(int node, const std::vector<std::uint64_t>& values) const {
    std::uint64_t value = static_cast<std::uint64_t>(node) + 1;
    for (const int from : done_edges_[node]) value = value * 31 + values[from];
    return value;
  }

  const TestGraph& graph_;
  ForeignThreads* const foreign_;
  std::vector<std::vector<int>> done_edges_, issue_edges_;
  std::vector<bool> fails_;
  std::function<void(int)> action_;
  std::vector<std::uint64_t> values_;
  std::vector<std::atomic<int>> begun_, ended_;
  std::vector<std::atomic<bool>> busy_;
  std::atomic<int> begun_count_{0}, aborts_{0}, begun_at_abort_{0};
};

}  // namespace headrace::testing
