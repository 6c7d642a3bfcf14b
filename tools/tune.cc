#include <memory>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sched.h>
#include <spdlog/spdlog.h>

#include "comm/connect.h"
#include "comm/cost.h"
#include "comm/launch_environment.h"
#include "comm/measure.h"
#include "core/error.h"
#include "tools/checks.h"
#include "tools/command.h"
#include "tools/output_file.h"

namespace headrace::tools {
namespace {

struct TuneOptions {
  std::string transport = "tcp";
  std::string address;
  std::string name = "measured";
  std::string output;
  double timeout = 60;
  bool insecure = false;
};

/// Puts this thread on the `index`-th of the cores that it may use, if there are so many: the
/// system may put two ranks on one core and leave another idle, and they would measure its
/// scheduler.
void stay_on_core(int index) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || index >= CPU_COUNT(&allowed)) return;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (!CPU_ISSET(core, &allowed) || index-- > 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    const int failed = sched_setaffinity(0, sizeof one, &one);
    if (failed != 0) spdlog::warn("cannot stay on core {}; alpha may come out too high", core);
    return;
  }
}

class Tune {
 public:
  explicit Tune(const TuneOptions& options) : options_(options) {}

  int run() {
    require(
        launch_.size > 1, ErrorCode::kInvalidArgument,
        "costs are measured between ranks; start several: headrace launch -n 2 -- headrace tune");
    if (launch_.rank == 0 && !options_.output.empty()) check_folder(options_.output, "--output");
    spdlog::info("{}", launch_.describe());
    if (options_.address.empty()) options_.address = launch_.address;
    if (options_.address.empty()) {
      require(launch_.local_size == launch_.size, ErrorCode::kInvalidArgument,
              "ranks on several hosts need --address, at which the others reach this one");
      options_.address = "127.0.0.1";
    }
    store_ = comm::open_job_store(launch_, options_.timeout, options_.insecure);
    // Rank 0 with its neighbour on this host, and with the first rank of the next.
    const std::string first_host = agree("local size", std::to_string(launch_.local_size));
    const int per_host = std::stoi(first_host);
    comm::CostTable table{.name = options_.name};
    std::optional<comm::Cost> within;
    std::optional<comm::Cost> between;
    if (per_host > 1) within = measure("within", options_.transport, 1);
    if (per_host < launch_.size) between = measure("between", "tcp", per_host);
    if (launch_.rank != 0) return kOk;
    table.within = within ? *within : *between;
    table.between = between ? *between : *within;
    table.shares_memory = within && options_.transport == "shm";
    if (options_.output.empty()) {
      fmt::print("{}", comm::to_json(table));
    } else {
      comm::write_table(options_.output, table);
    }
    return kOk;
  }

 private:
  // Rank 0's word.
  std::string agree(const std::string& key, const std::string& value) {
    if (launch_.rank == 0) store_->set(key, value);
    return store_->get(key, comm::deadline_in(options_.timeout));
  }

  // Of rank 0 and rank `other`; the rest waits, so that nothing disturbs them.
  comm::Cost measure(const std::string& what, const std::string& transport, int other) {
    comm::Cost cost;
    if (launch_.rank == 0 || launch_.rank == other) {
      const auto apart = comm::make_prefix_store(store_, "tune " + what + "/");
      const comm::MeshOptions mesh{.rank = launch_.rank == 0 ? 0 : 1,
                                   .size = 2,
                                   .job = "tune",
                                   .epoch = static_cast<uint64_t>(launch_.epoch),
                                   .address = options_.address,
                                   .secret = comm::Secret::from_environment(),
                                   .insecure = options_.insecure,
                                   .timeout = options_.timeout};
      stay_on_core(launch_.local_rank);
      const auto pair = comm::connect_group(transport, mesh, {.timeout = options_.timeout}, *apart);
      cost = comm::measure(*pair);
      pair->barrier();
    }
    agree("done " + what, "");
    if (launch_.rank == 0) {
      spdlog::info(
          "{} (ranks 0 and {}, {}): alpha {:.2f} us, beta {:.3f} ns per byte, gamma {:.3f}", what,
          other, transport, cost.alpha * 1e6, cost.beta * 1e9, cost.gamma * 1e9);
    }
    return cost;
  }

  TuneOptions options_;
  comm::LaunchEnvironment launch_ = comm::detect_launch();
  std::shared_ptr<comm::Store> store_;
};

Action setup(CLI::App& flags) {
  auto options = std::make_shared<TuneOptions>();
  flags.footer(
      "All ranks of a job run it: headrace launch -n 2 -- headrace tune --output costs.json\n"
      "Rank 0 measures messages with a rank of its host, and with one of the next host, and writes "
      "a\n"
      "table. HEADRACE_COSTS=costs.json makes groups choose their algorithms by it; rank 0's file\n"
      "counts for all.");
  flags.add_option("--transport", options->transport, "Between ranks of a host: tcp or shm")
      ->check(CLI::IsMember({"tcp", "shm"}));
  flags.add_option("--address", options->address, "Numeric address at which this rank is reached")
      ->default_str("HEADRACE_ADDRESS, else loopback");
  flags.add_option("--name", options->name, "What the table calls itself, in reasons and logs");
  flags.add_option("--output", options->output, "File for the table")
      ->default_str("standard output");
  flags.add_option("--timeout", options->timeout, "Seconds to connect, and for each message")
      ->check(positive_seconds());
  flags.add_flag("--insecure", options->insecure,
                 "Talk to other machines without a job secret (HEADRACE_SECRET)");
  return [options] { return Tune(*options).run(); };
}

const RegisterCommand kTune("tune",
                            "Measure what communication costs here, for choosing algorithms",
                            setup);

}  // namespace
}  // namespace headrace::tools
