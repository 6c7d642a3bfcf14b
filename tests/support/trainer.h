#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/proto/net.pb.h"
#include "core/thread_pool.h"
#include "core/workspace.h"
#include "graph/session.h"
#include "net_builders/train_step.h"

namespace headrace {

/// Runs the nets of a step: init once, train as often as asked.
class Trainer {
 public:
  struct Options {
    int threads = 1;
    bool serial = false;
    uint64_t seed = 1;
    std::vector<std::string> readable;  // besides outputs and state
  };

  explicit Trainer(const TrainStep& step) : Trainer(step, Options()) {}
  Trainer(const TrainStep& step, const Options& options)
      : Trainer(step.init_net(), step.train_net(), options) {}
  Trainer(const NetDef& init, const NetDef& train, const Options& options)
      : pool_(std::make_unique<ThreadPool>(ThreadPoolOptions{.threads = options.threads})),
        workspace_(std::make_unique<Workspace>()) {
    run_once(init, *workspace_, *pool_, options.seed);
    SessionOptions session{.run = {.seed = options.seed}, .strict = true};
    session.compile.threads = options.threads;
    session.compile.serial = options.serial;
    session.compile.readable.names = options.readable;
    session_ = std::make_unique<Session>(train, *workspace_, *pool_, session);
  }

  void feed(const std::string& blob, const Shape& shape, const std::vector<float>& values) {
    workspace_->feed(blob, Tensor::from<float>(shape, values));
  }
  void feed_labels(const std::string& blob, const std::vector<int32_t>& values) {
    workspace_->feed(blob, Tensor::from<int32_t>({static_cast<int64_t>(values.size())}, values));
  }
  void feed_iteration(int64_t iteration) {
    workspace_->feed("iteration", Tensor::from<int64_t>({1}, {iteration}));
  }

  void step() { session_->run(step_++); }

  std::vector<float> values(const std::string& blob) const {
    Tensor tensor = workspace_->fetch(blob);
    auto data = tensor.data<float>();
    return {data.begin(), data.end()};
  }
  float value(const std::string& blob) const { return values(blob).at(0); }

  Workspace& workspace() { return *workspace_; }
  ThreadPool& pool() { return *pool_; }

 private:
  std::unique_ptr<ThreadPool> pool_;
  std::unique_ptr<Workspace> workspace_;
  std::unique_ptr<Session> session_;
  uint64_t step_ = 0;
};

}  // namespace headrace
