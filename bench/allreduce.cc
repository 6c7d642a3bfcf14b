// How long ranks take to sum a vector: allreduce of float32, in place, over a transport. Starts its
// ranks on this machine, each pinned to a core, or is one rank of several. Every result is checked.
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "bench/allreduce_parts/bound.h"
#include "bench/allreduce_parts/local.h"
#include "bench/allreduce_parts/place.h"
#include "bench/allreduce_parts/task.h"
#include "bench/guarded_main.h"
#include "comm/connect.h"
#include "comm/store/open.h"
#include "core/error.h"

namespace headrace::bench {
namespace {

using comm::Algorithm;
using comm::Collective;
using comm::Group;
using comm::GroupOptions;

struct Settings {
  Task task;
  Place place;
  std::string algorithm;  // empty: as the group chooses
  size_t segment = 0;     // elements
  std::string congestion = "auto";
  int lanes = 1;  // one collective at a time, so this many connections carry it
  int spin_us = -1;
  double timeout = 60;
  bool insecure = false;
  bool unknown_memory = false;
};

Algorithm parse_algorithm(const std::string& name) {
  return name.empty() ? Algorithm::kChoose : comm::algorithm_named(name);
}

class Headrace final : public Contender {
 public:
  Headrace(Group& group, const Settings& settings)
      : group_(group),
        adds_region_(!settings.unknown_memory),
        collective_{.algorithm = parse_algorithm(settings.algorithm),
                    .segment = settings.segment,
                    .name = "bench"} {}

  int rank() const override { return group_.rank(); }
  int size() const override { return group_.size(); }

  void prepare(float* data, size_t count) override {
    collective_.data = data;
    collective_.count = count;
    if (adds_region_) region_.emplace(group_, data, count * sizeof(float));
  }
  void release() override { region_.reset(); }
  void run() override { group_.run(collective_); }
  std::string algorithm() const override {
    const bool open = collective_.algorithm == Algorithm::kChoose;
    return std::string(
        comm::name_of(open ? group_.choice(collective_).algorithm : collective_.algorithm));
  }

  double sum(double value) override {
    group_.run({.dtype = DType::kFloat64, .data = &value, .count = 1, .name = "sum"});
    return value;
  }

 private:
  Group& group_;
  bool adds_region_;
  std::optional<comm::Region> region_;
  Collective collective_;
};

/// 0 if every result was right.
int run_group(Group& group, const Settings& settings) {
  Headrace headrace(group, settings);
  return run_rank(headrace, settings.task, "headrace");
}

GroupOptions group_options(const Settings& settings) {
  return {.concurrent = 1, .timeout = settings.timeout, .spin_us = settings.spin_us};
}

int run_threads(const Settings& settings) {
  auto groups = comm::make_inproc_groups(settings.task.ranks, group_options(settings));
  std::vector<int> results(groups.size(), 1);
  std::vector<std::thread> threads;
  for (size_t r = 0; r < groups.size(); ++r) {
    threads.emplace_back([&, r] {
      pin(static_cast<int>(r));
      try {
        results[r] = run_group(*groups[r], settings);
      } catch (const std::exception& error) {
        fmt::print(stderr, "rank {}: {}\n", r, error.what());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (const int result : results) {
    if (result != 0) return result;
  }
  return 0;
}

int run_connected(const Settings& settings, int rank, const std::string& store_name) {
  const auto secret = comm::Secret::from_environment();
  const auto store = comm::open_store(
      store_name, {.timeout = settings.timeout, .secret = secret, .insecure = settings.insecure});
  const comm::MeshOptions mesh{.rank = rank,
                               .size = settings.task.ranks,
                               .job = "bench",
                               .address = settings.place.address,
                               .secret = secret,
                               .insecure = settings.insecure,
                               .timeout = settings.timeout,
                               .congestion = settings.congestion};
  const auto group = comm::connect_group(settings.task.transport, mesh, group_options(settings),
                                         *store, settings.lanes);
  return run_group(*group, settings);
}

int run(Settings settings) {
  if (settings.place.rank < 0) {
    for (const size_t bytes : parse_sizes(settings.task.sizes)) {
      settings.task.bounds.push_back(bound(settings.task.transport, settings.task.ranks, bytes));
    }
    if (settings.task.transport == "inproc") return run_threads(settings);
  }
  return run_ranks(settings.task, settings.place, [&](int rank, const std::string& store) {
    return run_connected(settings, rank, store);
  });
}

}  // namespace
}  // namespace headrace::bench

int main(int argc, char** argv) {
  headrace::bench::Settings settings;
  CLI::App app{"How long ranks take to sum a vector of float32 in place. Every result is checked."};
  add_options(app, settings.task);
  add_options(app, settings.task, settings.place);
  app.add_option("--transport", settings.task.transport, "How ranks are connected")
      ->check(CLI::IsMember({"inproc", "shm", "tcp"}));
  app.add_option("--algorithm", settings.algorithm,
                 "ring, halving-doubling, fold, binary-blocks, mixed-radix, two-level, pairwise, "
                 "recursive-doubling, direct; empty: chosen");
  app.add_option("--segment", settings.segment, "Elements in a message; 0: chosen");
  app.add_option("--lanes", settings.lanes, "Lanes between two ranks: with tcp, connections")
      ->check(CLI::Range(1, 64));
  app.add_option("--congestion", settings.congestion,
                 "TCP congestion control; auto: reno on loopback");
  app.add_option("--spin", settings.spin_us, "Microseconds of polling before sleep; -1: chosen");
  app.add_option("--timeout", settings.timeout, "Seconds until a silent rank is given up");
  app.add_flag("--unknown-memory", settings.unknown_memory,
               "Do not tell the group where the vectors are (Group::add_region)");
  app.add_flag("--insecure", settings.insecure, "Talk to other machines without HEADRACE_SECRET");
  CLI11_PARSE(app, argc, argv);
  return headrace::bench::guarded_main([&] { return headrace::bench::run(settings); });
}
