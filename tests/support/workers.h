#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "comm/common_world.h"
#include "core/proto/net.pb.h"
#include "core/thread_pool.h"
#include "core/trace.h"
#include "core/workspace.h"
#include "graph/session.h"

namespace headrace::testing {

/// Does the same on a thread per rank; throws the first error, by rank, after all have ended.
inline void on_ranks(int ranks, const std::function<void(int rank)>& action) {
  std::vector<std::exception_ptr> errors(static_cast<size_t>(ranks));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        action(rank);
      } catch (...) {
        errors[static_cast<size_t>(rank)] = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& error : errors) {
    if (error != nullptr) std::rethrow_exception(error);
  }
}

/// Ranks of a job that are threads of this process: a workspace, a pool and a common world for
/// each.
class Workers {
 public:
  struct Options {
    int threads = 1;  // of each rank
    bool serial = false;
    int concurrent = 4;   // collectives at once
    double timeout = 30;  // of a collective
    graph::BucketOptions buckets = {};
    graph::Unroll unroll = {};
    std::vector<std::string> readable = {};
    std::vector<std::string> worlds = {"common_world"};  // names of the handle, clones all
    bool traced = false;
    std::function<std::vector<std::unique_ptr<comm::Group>>(int, const comm::GroupOptions&)>
        connect = comm::make_inproc_groups;
  };

  struct Worker {
    std::unique_ptr<ThreadPool> pool;
    std::unique_ptr<TraceRecorder> trace;  // if it is traced
    Workspace workspace;
    std::unique_ptr<Session> session;
    std::shared_ptr<comm::CommonWorld> world;

    std::vector<float> values(const std::string& blob) const {
      const Tensor tensor = workspace.fetch(blob);
      const auto data = tensor.data<float>();
      return {data.begin(), data.end()};
    }
  };

  Workers(int ranks, Options options) : options_(std::move(options)) {
    auto groups =
        options_.connect(ranks, {.concurrent = options_.concurrent, .timeout = options_.timeout});
    for (auto& group : groups) {
      auto& worker = workers_.emplace_back(std::make_unique<Worker>());
      worker->pool = std::make_unique<ThreadPool>(ThreadPoolOptions{.threads = options_.threads});
      if (options_.traced) {
        worker->trace = std::make_unique<TraceRecorder>(TraceOptions{.workers = options_.threads});
      }
      worker->world = std::make_shared<comm::CommonWorld>(std::move(group));
      for (const std::string& name : options_.worlds) {
        comm::put_world(worker->world, worker->workspace.slot(name).blob);
      }
    }
  }

  /// Runs the init net and gets ready to train.
  Workers(int ranks, const NetDef& init, const NetDef& train, Options options)
      : Workers(ranks, std::move(options)) {
    each([&](int, Worker& worker) {
      run_once(init, worker.workspace, *worker.pool);
      prepare(worker, train);
    });
  }

  void prepare(Worker& worker, const NetDef& train) const {
    worker.session = make_session(worker, train);
  }
  std::unique_ptr<Session> make_session(Worker& worker, const NetDef& net) const {
    SessionOptions session{.strict = true};
    session.run.trace = worker.trace.get();
    session.compile.threads = options_.threads;
    session.compile.serial = options_.serial;
    session.compile.readable.names = options_.readable;
    session.compile.buckets = options_.buckets;
    session.compile.unroll = options_.unroll;
    return std::make_unique<Session>(net, worker.workspace, *worker.pool, session);
  }

  int size() const { return static_cast<int>(workers_.size()); }
  Worker& operator[](int rank) { return *workers_[static_cast<size_t>(rank)]; }

  void each(const std::function<void(int rank, Worker&)>& action) {
    on_ranks(size(), [&](int rank) { action(rank, (*this)[rank]); });
  }
  void step(uint64_t number = 0) {
    each([&](int, Worker& worker) { worker.session->run(number); });
  }

 private:
  Options options_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace headrace::testing
