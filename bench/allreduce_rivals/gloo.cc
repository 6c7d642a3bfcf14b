// What bench/allreduce measures, done by Gloo over TCP, by whichever of its algorithms is the
// fastest for each size. Starts its ranks on this machine, each pinned to a core, or is one of
// several.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <gloo/allreduce.h>
#include <gloo/allreduce_halving_doubling.h>
#include <gloo/allreduce_ring_chunked.h>
#include <gloo/config.h>
#include <gloo/math.h>
#include <gloo/rendezvous/context.h>
#include <gloo/rendezvous/file_store.h>
#include <gloo/rendezvous/prefix_store.h>
#include <gloo/transport/tcp/device.h>
#include <unistd.h>

#include "bench/allreduce_parts/local.h"
#include "bench/allreduce_parts/task.h"
#include "core/error.h"

namespace headrace::bench {
namespace {

struct Settings {
  Task task;
  int rank = -1;
  std::string store;  // a folder
  std::string address = "127.0.0.1";
  std::string algorithm;
};

using Run = std::function<void()>;

/// One way to sum a vector in place.
struct Way {
  std::string name;
  std::function<Run(float* data, size_t count)> prepare;
};

class Gloo final : public Contender {
 public:
  Gloo(int rank, const Settings& settings) : rank_(rank), size_(settings.task.ranks) {
    gloo::rendezvous::FileStore files(settings.store);
    // Whether a connection is read by the thread that calls or by the event loop is decided for
    // good, so there are two sets of them.
    for (const char* name : {"loop", "caller"}) {
      gloo::transport::tcp::attr attributes;
      attributes.hostname = settings.address;
      auto device = gloo::transport::tcp::CreateDevice(attributes);
      auto context = std::make_shared<gloo::rendezvous::Context>(rank_, size_);
      gloo::rendezvous::PrefixStore store(name, files);
      context->connectFullMesh(store, device);
      contexts_.push_back(std::move(context));
    }
    for (int peer = 0; peer < size_; ++peer) {
      if (peer != rank_) contexts_[1]->getPair(peer)->setSync(true, true);
    }
    using Algorithm = gloo::AllreduceOptions::Algorithm;
    add("ring", of_options<float>(Algorithm::RING), settings.algorithm);
    add("bcube", of_options<float>(Algorithm::BCUBE), settings.algorithm);
    for (const size_t context : {0, 1}) {
      const std::string suffix = context == 0 ? "" : ", read by the caller";
      add("chunked ring" + suffix, of_class<gloo::AllreduceRingChunked<float>>(context),
          settings.algorithm);
      add("halving-doubling" + suffix, of_class<gloo::AllreduceHalvingDoubling<float>>(context),
          settings.algorithm);
    }
    require(!ways_.empty(), ErrorCode::kInvalidArgument, "Gloo has no algorithm '{}'",
            settings.algorithm);
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  /// Tries all ways, and takes the one that is the fastest on rank 0.
  void prepare(float* data, size_t count) override {
    double least = 0;
    run_ = nullptr;
    for (const Way& way : ways_) {
      Run candidate = way.prepare(data, count);
      const double seconds = ways_.size() == 1 ? 1 : median_of(candidate);
      if (run_ != nullptr && seconds >= least) continue;
      least = seconds;
      run_ = std::move(candidate);
      name_ = way.name;
    }
  }
  void run() override { run_(); }
  std::string algorithm() const override { return name_; }

  double sum(double value) override {
    of_options<double>(gloo::AllreduceOptions::Algorithm::RING)(&value, 1)();
    return value;
  }

 private:
  void add(const std::string& name, std::function<Run(float*, size_t)> prepare,
           const std::string& wanted) {
    if (wanted.empty() || wanted == name) ways_.push_back({name, std::move(prepare)});
  }

  template <typename T>
  std::function<Run(T*, size_t)> of_options(gloo::AllreduceOptions::Algorithm algorithm) {
    return [this, algorithm](T* data, size_t count) -> Run {
      auto options = std::make_shared<gloo::AllreduceOptions>(contexts_[0]);
      options->setOutput(data, count);
      options->setAlgorithm(algorithm);
      options->setReduceFunction(
          static_cast<void (*)(void*, const void*, const void*, size_t)>(&gloo::sum<T>));
      return [options] { gloo::allreduce(*options); };
    };
  }

  template <typename Class>
  std::function<Run(float*, size_t)> of_class(size_t context) {
    return [this, context](float* data, size_t count) -> Run {
      auto instance = std::make_shared<Class>(contexts_[context], std::vector<float*>{data},
                                              static_cast<int>(count));
      return [instance] { instance->run(); };
    };
  }

  /// The same number on all ranks.
  double median_of(const Run& run) {
    using Clock = std::chrono::steady_clock;
    std::vector<double> times;
    const auto began = Clock::now();
    double elapsed = 0;
    do {
      for (int i = 0; i < 3; ++i) {
        const auto begin = Clock::now();
        run();
        times.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
      }
      elapsed = std::chrono::duration<double>(Clock::now() - began).count();
    } while (sum(rank_ == 0 ? elapsed : 0) < 0.05);
    std::sort(times.begin(), times.end());
    return sum(rank_ == 0 ? times[times.size() / 2] : 0);
  }

  int rank_;
  int size_;
  std::vector<std::shared_ptr<gloo::rendezvous::Context>> contexts_;
  std::vector<Way> ways_;
  Run run_;
  std::string name_;
};

int run_one(int rank, const Settings& settings) {
  Gloo gloo(rank, settings);
  return run_rank(
      gloo, settings.task,
      fmt::format("Gloo {}.{}.{}", GLOO_VERSION_MAJOR, GLOO_VERSION_MINOR, GLOO_VERSION_PATCH));
}

int run(Settings settings) {
  if (settings.rank >= 0) {
    require(!settings.store.empty(), ErrorCode::kInvalidArgument,
            "--rank makes this one of several processes, which meet in a --store");
    return run_one(settings.rank, settings);
  }
  std::string folder = (std::filesystem::temp_directory_path() / "gloo-XXXXXX").string();
  require(::mkdtemp(folder.data()) != nullptr, ErrorCode::kIo, "cannot make a folder {}", folder);
  settings.store = folder;
  const int result =
      run_processes(settings.task.ranks, [&](int rank) { return run_one(rank, settings); });
  std::filesystem::remove_all(folder);
  return result;
}

}  // namespace
}  // namespace headrace::bench

int main(int argc, char** argv) {
  headrace::bench::Settings settings;
  CLI::App app{"How long Gloo takes to sum a vector of float32 in place. Every result is checked."};
  add_options(app, settings.task);
  app.add_option("--ranks", settings.task.ranks, "Number of ranks")->check(CLI::Range(2, 1024));
  app.add_option("--rank", settings.rank,
                 "Be this rank, of processes that are started one by one; -1: start all of them");
  app.add_option("--store", settings.store, "Folder where they meet");
  app.add_option("--addr", settings.address, "Address of this rank, for the others");
  app.add_option("--algorithm", settings.algorithm,
                 "ring, bcube, chunked ring, halving-doubling, or one of the last two with ', read "
                 "by the caller'; empty: the fastest");
  CLI11_PARSE(app, argc, argv);
  try {
    return headrace::bench::run(settings);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
