// How long ranks take to sum a vector: allreduce of float32, in place, over a transport. Starts its
// ranks on this machine, each pinned to a core, or is one rank of several. Every result is checked.
#include <filesystem>
#include <iostream>
#include <limits>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "bench/allreduce_parts/bound.h"
#include "bench/allreduce_parts/local.h"
#include "bench/allreduce_parts/measure.h"
#include "comm/connect.h"
#include "comm/store/open.h"
#include "core/error.h"

namespace headrace::bench {
namespace {

using comm::Group;
using comm::GroupOptions;

struct Settings {
  std::string transport = "tcp";
  int ranks = 2;
  int rank = -1;
  std::string store;
  std::string address = "127.0.0.1";
  std::string sizes = "64,1K,4K,16K,64K,256K,1M,4M,16M,64M";
  std::string congestion = "auto";
  int lanes = 1;  // one collective at a time, so this many connections carry it
  int spin_us = -1;
  double timeout = 60;
  bool insecure = false;
  bool json = false;
  MeasureOptions measure;
  std::vector<double> bounds;  // seconds, by size; empty where ranks are on several machines
};

std::vector<size_t> parse_sizes(const std::string& text) {
  std::vector<size_t> sizes;
  std::stringstream stream(text);
  for (std::string item; std::getline(stream, item, ',');) {
    size_t end = 0;
    size_t value = 0;
    try {
      value = std::stoull(item, &end);
    } catch (const std::exception&) {
      end = 0;
    }
    const std::string unit = item.substr(end);
    const bool known = unit.empty() || unit == "K" || unit == "M" || unit == "G";
    require(end > 0 && known, ErrorCode::kInvalidArgument,
            "'{}' is no size; write bytes, or 64K, 4M, 1G", item);
    value <<= unit == "K" ? 10 : unit == "M" ? 20 : unit == "G" ? 30 : 0;
    require(value % sizeof(float) == 0, ErrorCode::kInvalidArgument,
            "{} bytes are no whole number of float32", item);
    sizes.push_back(value);
  }
  return sizes;
}

void report(const Settings& settings, const std::vector<Measured>& all) {
  const double p = settings.ranks;
  nlohmann::ordered_json results = nlohmann::ordered_json::array();
  if (!settings.json) {
    fmt::print("{:>10} {:>12} {:>12} {:>12} {:>9} {:>9} {:>12} {:>12}  {}\n", "bytes", "min us",
               "p50 us", "p99 us", "algbw", "busbw", "cpu us", "bound us", "algorithm");
  }
  for (size_t i = 0; i < all.size(); ++i) {
    const Measured& m = all[i];
    const nlohmann::json bound_us =
        settings.bounds.empty() ? nlohmann::json() : nlohmann::json(settings.bounds[i] * 1e6);
    const auto bytes = static_cast<double>(m.bytes);
    const double algbw = bytes / m.p50 * 1e-9;
    const double busbw = algbw * 2 * (p - 1) / p;
    results.push_back({{"bytes", m.bytes},
                       {"calls", m.calls},
                       {"min_us", m.min * 1e6},
                       {"p50_us", m.p50 * 1e6},
                       {"p99_us", m.p99 * 1e6},
                       {"algbw_GBps", algbw},
                       {"busbw_GBps", busbw},
                       {"wire_bytes_per_rank", 2 * (p - 1) / p * bytes},
                       {"cpu_us_per_call", m.cpu * 1e6},
                       {"bound_us", bound_us},
                       {"algorithm", m.algorithm},
                       {"correct", m.correct}});
    if (settings.json) continue;
    fmt::print("{:>10} {:>12.2f} {:>12.2f} {:>12.2f} {:>9.3f} {:>9.3f} {:>12.2f} {:>12}  {}{}\n",
               m.bytes, m.min * 1e6, m.p50 * 1e6, m.p99 * 1e6, algbw, busbw, m.cpu * 1e6,
               settings.bounds.empty() ? "" : fmt::format("{:.2f}", settings.bounds[i] * 1e6),
               m.algorithm, m.correct ? "" : "  WRONG RESULT");
  }
  if (!settings.json) return;
  const nlohmann::ordered_json document{{"transport", settings.transport},
                                        {"ranks", settings.ranks},
                                        {"results", std::move(results)}};
  std::cout << document.dump(2) << '\n';
}

/// Measures and, on rank 0, reports. 0 if every result was right.
int run_rank(Group& group, const Settings& settings) {
  const auto all = measure(group, settings.measure);
  if (group.rank() == 0) report(settings, all);
  group.barrier();
  for (const Measured& m : all) {
    if (!m.correct) return 1;
  }
  return 0;
}

GroupOptions group_options(const Settings& settings) {
  return {.concurrent = 1, .timeout = settings.timeout, .spin_us = settings.spin_us};
}

int run_threads(const Settings& settings) {
  auto groups = comm::make_inproc_groups(settings.ranks, group_options(settings));
  std::vector<int> results(groups.size(), 1);
  std::vector<std::thread> threads;
  for (size_t r = 0; r < groups.size(); ++r) {
    threads.emplace_back([&, r] {
      pin(static_cast<int>(r));
      try {
        results[r] = run_rank(*groups[r], settings);
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
                               .size = settings.ranks,
                               .job = "bench",
                               .address = settings.address,
                               .secret = secret,
                               .insecure = settings.insecure,
                               .timeout = settings.timeout,
                               .congestion = settings.congestion};
  const auto group = comm::connect_group(settings.transport, mesh, group_options(settings), *store,
                                         settings.lanes);
  return run_rank(*group, settings);
}

int run(Settings settings) {
  if (settings.rank >= 0) {
    require(!settings.store.empty(), ErrorCode::kInvalidArgument,
            "--rank makes this one of several processes, which meet in a --store");
    return run_connected(settings, settings.rank, settings.store);
  }
  for (const size_t bytes : settings.measure.sizes) {
    settings.bounds.push_back(bound(settings.transport, settings.ranks, bytes));
  }
  if (settings.transport == "inproc") return run_threads(settings);
  std::string folder = (std::filesystem::temp_directory_path() / "headrace-XXXXXX").string();
  require(::mkdtemp(folder.data()) != nullptr, ErrorCode::kIo, "cannot make a folder {}", folder);
  const int result = run_processes(
      settings.ranks, [&](int rank) { return run_connected(settings, rank, "file:" + folder); });
  std::filesystem::remove_all(folder);
  return result;
}

}  // namespace
}  // namespace headrace::bench

int main(int argc, char** argv) {
  headrace::bench::Settings settings;
  CLI::App app{"How long ranks take to sum a vector of float32 in place. Every result is checked."};
  app.option_defaults()->always_capture_default();
  app.add_option("--transport", settings.transport, "How ranks are connected")
      ->check(CLI::IsMember({"inproc", "shm", "tcp"}));
  app.add_option("--ranks", settings.ranks, "Number of ranks")->check(CLI::Range(1, 4096));
  app.add_option("--rank", settings.rank,
                 "Be this rank, of processes that are started one by one; -1: start all of them");
  app.add_option("--store", settings.store, "Where they meet: file:DIR, tcp:HOST:PORT, redis:HOST");
  app.add_option("--addr", settings.address, "Address of this rank, for the others");
  app.add_option("--sizes", settings.sizes, "Sizes in bytes");
  app.add_option("--seconds", settings.measure.seconds, "Time for each size");
  app.add_option("--algorithm", settings.measure.algorithm,
                 "ring, halving-doubling, fold, binary-blocks, recursive-doubling; empty: chosen");
  app.add_option("--segment", settings.measure.segment, "Elements in a message; 0: chosen");
  app.add_option("--lanes", settings.lanes, "Lanes between two ranks: with tcp, connections")
      ->check(CLI::Range(1, 64));
  app.add_option("--congestion", settings.congestion,
                 "TCP congestion control; auto: reno on loopback");
  app.add_option("--spin", settings.spin_us, "Microseconds of polling before sleep; -1: chosen");
  app.add_option("--timeout", settings.timeout, "Seconds until a silent rank is given up");
  app.add_flag("--insecure", settings.insecure, "Talk to other machines without HEADRACE_SECRET");
  app.add_flag("--json", settings.json, "Results as JSON");
  CLI11_PARSE(app, argc, argv);
  try {
    settings.measure.sizes = headrace::bench::parse_sizes(settings.sizes);
    return headrace::bench::run(settings);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
