// What bench/allreduce measures, done by Gloo over TCP, by whichever of its algorithms is the
// fastest for each size. Starts its ranks on this machine, each pinned to a core, or is one of
// several.
#include <algorithm>
#include <chrono>
#include <functional>
#include <limits>
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

#include "bench/allreduce_parts/place.h"
#include "bench/allreduce_parts/task.h"
#include "bench/guarded_main.h"
#include "comm/spin.h"
#include "core/error.h"

namespace headrace::bench {
namespace {

struct Settings {
  Task task;
  Place place;
  std::string algorithm;
};

using Run = std::function<void()>;

constexpr size_t kShort = size_t{64} * 1024;  // elements

/// One way to sum a vector in place.
struct Way {
  std::string name;
  std::function<Run(float* data, size_t count)> prepare;
  bool spins = false;
};

class Gloo final : public Contender {
 public:
  Gloo(int rank, const std::string& store, const Settings& settings)
      : rank_(rank), size_(settings.task.ranks), files_(folder_of(store)) {
    gloo::transport::tcp::attr attributes;
    attributes.hostname = settings.place.address;
    device_ = gloo::transport::tcp::CreateDevice(attributes);
    sums_.resize(static_cast<size_t>(16 * size_));
    sum_run_ = of_class<gloo::AllreduceHalvingDoubling, double>(connect("sum"))(sums_.data(),
                                                                                sums_.size());
    using Algorithm = gloo::AllreduceOptions::Algorithm;
    auto add = [&](const std::string& name, auto prepare, bool spins = false) {
      if (settings.algorithm.empty() || settings.algorithm == name) {
        ways_.push_back({name, prepare, spins});
      }
    };
    add("ring", of_options<float>(connect("ring"), Algorithm::RING));
    add("bcube", of_options<float>(connect("bcube"), Algorithm::BCUBE));
    for (const bool caller : {false, true}) {
      const std::string suffix = caller ? ", read by the caller" : "";
      auto connect_one = [&](const std::string& name) {
        auto context = connect(name + suffix);
        for (int peer = 0; caller && peer < size_; ++peer) {
          if (peer != rank_) context->getPair(peer)->setSync(true, true);
        }
        return context;
      };
      add("chunked ring" + suffix,
          of_class<gloo::AllreduceRingChunked, float>(connect_one("chunked")), caller);
      add("halving-doubling" + suffix,
          of_class<gloo::AllreduceHalvingDoubling, float>(connect_one("halving")), caller);
    }
    require(!ways_.empty(), ErrorCode::kInvalidArgument, "Gloo has no algorithm '{}'",
            settings.algorithm);
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  /// Tries all ways, and takes the one that is the fastest on rank 0.
  void prepare(float* data, size_t count) override {
    double least = std::numeric_limits<double>::infinity();
    const bool crowded = size_ > comm::usable_core_count();
    for (const Way& way : ways_) {
      // Those would take seconds where ranks share cores.
      if (way.spins && crowded && count > kShort && ways_.size() > 1) continue;
      Run candidate = way.prepare(data, count);
      const double seconds = ways_.size() == 1 ? 0 : median_of(candidate, 4 * least);
      if (seconds >= least) continue;
      least = seconds;
      run_ = std::move(candidate);
      name_ = way.name;
    }
  }
  void run() override { run_(); }
  std::string algorithm() const override { return name_; }

  double sum(double value) override {
    sums_.assign(static_cast<size_t>(16 * size_), value);
    sum_run_();
    return sums_[0];
  }

 private:
  using Context = std::shared_ptr<gloo::rendezvous::Context>;

  /// Each way has connections of its own, so that they cannot disturb each other. Among more than
  /// two ranks "ring" and "bcube" have been seen to wait for ever, hence the timeout.
  Context connect(const std::string& name) {
    auto context = std::make_shared<gloo::rendezvous::Context>(rank_, size_);
    context->setTimeout(std::chrono::seconds(4));
    gloo::rendezvous::PrefixStore store(name, files_);
    context->connectFullMesh(store, device_);
    return context;
  }

  template <typename T>
  static std::function<Run(T*, size_t)> of_options(const Context& context,
                                                   gloo::AllreduceOptions::Algorithm algorithm) {
    return [context, algorithm](T* data, size_t count) -> Run {
      auto options = std::make_shared<gloo::AllreduceOptions>(context);
      options->setOutput(data, count);
      options->setAlgorithm(algorithm);
      options->setReduceFunction(
          static_cast<void (*)(void*, const void*, const void*, size_t)>(&gloo::sum<T>));
      return [options, tag = 0u]() mutable {
        options->setTag(tag++);
        gloo::allreduce(*options);
      };
    };
  }

  template <template <typename> class Old, typename T>
  static std::function<Run(T*, size_t)> of_class(const Context& context) {
    return [context](T* data, size_t count) -> Run {
      auto instance = std::make_shared<Old<T>>(context, std::vector{data}, static_cast<int>(count));
      return [instance] { instance->run(); };
    };
  }

  /// The same number on all ranks; of the first call alone, if that takes longer than `hopeless`.
  double median_of(const Run& run, double hopeless) {
    using Clock = std::chrono::steady_clock;
    std::vector<double> times;
    const auto began = Clock::now();
    double elapsed = 0;
    do {
      for (int i = 0; i < (times.empty() ? 1 : 3); ++i) {
        const auto begin = Clock::now();
        run();
        times.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
      }
      elapsed = agree(*this, std::chrono::duration<double>(Clock::now() - began).count());
    } while (elapsed < 0.05 && (times.size() > 1 || elapsed < hopeless));
    std::sort(times.begin(), times.end());
    return agree(*this, times[times.size() / 2]);
  }

  int rank_;
  int size_;
  gloo::rendezvous::FileStore files_;
  std::shared_ptr<gloo::transport::Device> device_;
  std::vector<double> sums_;  // a number for each rank at least
  Run sum_run_;
  std::vector<Way> ways_;
  Run run_;
  std::string name_;
};

int run(const Settings& settings) {
  return run_ranks(settings.task, settings.place, [&](int rank, const std::string& store) {
    Gloo gloo(rank, store, settings);
    return run_rank(
        gloo, settings.task,
        fmt::format("Gloo {}.{}.{}", GLOO_VERSION_MAJOR, GLOO_VERSION_MINOR, GLOO_VERSION_PATCH));
  });
}

}  // namespace
}  // namespace headrace::bench

int main(int argc, char** argv) {
  headrace::bench::Settings settings;
  CLI::App app{"How long Gloo takes to sum a vector of float32 in place. Every result is checked."};
  add_options(app, settings.task);
  add_options(app, settings.task, settings.place);
  app.add_option("--algorithm", settings.algorithm,
                 "ring, bcube, chunked ring, halving-doubling, or one of the last two with ', read "
                 "by the caller'; empty: the fastest");
  CLI11_PARSE(app, argc, argv);
  return headrace::bench::guarded_main([&] { return headrace::bench::run(settings); });
}
