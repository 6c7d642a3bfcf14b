#include "tools/nets/world_flags.h"

#include <CLI/CLI.hpp>
#include <spdlog/spdlog.h>

#include "comm/store_handle.h"
#include "tools/checks.h"
#include "tools/help.h"

namespace headrace::tools {

void WorldFlags::add_to(CLI::App& flags) {
  const HelpGroup group(flags, "Ranks");
  auto* size_option = flags.add_option("--world", size, "Ranks of the job")
                          ->check(whole_number(1))
                          ->type_name("RANKS")
                          ->default_str("what the launcher says, else 1");
  auto* rank_option = flags.add_option("--rank", rank, "Which of them this process is, from 0")
                          ->check(whole_number(0))
                          ->default_str("what the launcher says");
  size_option->needs(rank_option);
  rank_option->needs(size_option);
  flags
      .add_option("--store", store,
                  "Where ranks find each other: file:DIR, tcp:HOST:PORT or redis:HOST[:PORT]")
      ->type_name("STORE")
      ->default_str("what the launcher says");
  flags
      .add_option("--transport", transport,
                  "How ranks are connected: shm (memory of one host), tcp, or auto: shm where the "
                  "launcher says that all are on one host")
      ->check(CLI::IsMember({"auto", "shm", "tcp"}))
      ->type_name("NAME");
  flags
      .add_option("--interface", interface,
                  "Network interface, or address, over which this rank is reached")
      ->type_name("NAME")
      ->default_str("what the launcher says, else the way to the store, else loopback");
  flags
      .add_option("--comm-timeout", timeout,
                  "Seconds to connect, and after which a collective has failed")
      ->check(positive_seconds())
      ->default_str("60, or what a net says of its world");
  flags.add_flag("--insecure", insecure,
                 "Talk to other machines without a job secret (HEADRACE_SECRET)");
}

Job::Job(const WorldFlags& flags, std::filesystem::path flight_folder)
    : flags_(flags),
      flight_folder_(std::move(flight_folder)),
      launch_(comm::detect_launch({.rank = flags.rank, .size = flags.size, .store = flags.store})) {
  if (launch_.launcher.empty()) return;
  const auto [name, reason] = transport();
  spdlog::info("{}{}", launch_.describe(),
               launch_.size > 1 ? fmt::format("; connected by {} ({})", name, reason) : "");
}

std::pair<std::string, std::string> Job::transport() const {
  if (flags_.transport != "auto") return {flags_.transport, "--transport"};
  return {comm::transport_for(launch_.one_host),
          launch_.one_host ? "all are on this host" : "they may be on several hosts"};
}

std::shared_ptr<comm::Store> Job::store() {
  if (store_ == nullptr) {
    store_ = comm::open_job_store(launch_, timeout(), flags_.insecure);
  }
  return store_;
}

std::shared_ptr<comm::CommonWorld> Job::world() {
  if (world_ != nullptr) return world_;
  comm::JoinOptions options{.name = "world",
                            .rank = launch_.rank,
                            .size = launch_.size,
                            .transport = transport().first,
                            .timeout = timeout()};
  adjust(options);
  world_ = std::make_shared<comm::CommonWorld>(
      comm::join(options, launch_.size == 1 ? nullptr : store()));
  return world_;
}

void Job::adjust(comm::JoinOptions& options) const {
  if (options.transport == "auto" || flags_.transport != "auto") {
    options.transport = transport().first;
  }
  if (!flags_.interface.empty()) options.interface = flags_.interface;
  if (flags_.timeout) options.timeout = *flags_.timeout;
  options.insecure = flags_.insecure;
  options.epoch = static_cast<uint64_t>(launch_.epoch);
  options.group.flight_folder = flight_folder_;
  options.warn = [](const std::string& line) { spdlog::warn("{}", line); };
}

void Job::abort(const std::string& reason) {
  if (world_ != nullptr) world_->abort(reason);
}

void Job::feed(Workspace& workspace, const std::string& world_blob) {
  if (!launch_.store.empty()) {
    comm::put_store(
        {.store = store(), .adjust = [this](comm::JoinOptions& world) { adjust(world); }},
        workspace.slot(kStoreHandler).blob);
  }
  if (!world_blob.empty()) comm::put_world(world(), workspace.slot(world_blob).blob);
}

}  // namespace headrace::tools
