#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "comm/host.h"
#include "comm/secret.h"
#include "comm/store/server.h"
#include "comm/store/socket.h"
#include "core/error.h"
#include "tools/checks.h"
#include "tools/command.h"
#include "tools/launch/plan.h"
#include "tools/launch/supervisor.h"

namespace headrace::tools {
namespace {

struct LaunchOptions {
  int ranks = 0;
  std::string hosts;
  int max_restarts = 0;
  double grace = 5;
  bool no_prefix = false;
  std::string store;
  std::string address;
  std::string ssh = "ssh -o BatchMode=yes";
  std::string remote_headrace;
  std::vector<std::string> variables;
  bool agent = false;
  std::vector<std::string> command;
};

/// NAME=VALUE, or NAME with the value that it has here.
void add_variable(const std::string& text, Environment& environment) {
  const size_t equals = text.find('=');
  const std::string name = text.substr(0, equals);
  if (name.empty() || name.starts_with("HEADRACE_RANK")) {
    throw CLI::ValidationError("--env " + text + ": expected NAME or NAME=VALUE");
  }
  if (equals != text.npos) {
    environment[name] = text.substr(equals + 1);
  } else if (const char* value = std::getenv(name.c_str())) {
    environment[name] = value;
  } else {
    throw CLI::ValidationError("--env " + name + ": it is not set here; write --env NAME=VALUE");
  }
}

std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char character : text) {
    result += character == '\'' ? std::string("'\\''") : std::string(1, character);
  }
  return result + "'";
}

void add_ranks(const Share& share, const std::string& host,
               std::vector<Supervisor::Member>& members) {
  for (int i = 0; i < share.count; ++i) {
    const int rank = share.first_rank + i;
    members.push_back(
        {.start = {.name = fmt::format("rank {}{}{}", rank, host.empty() ? "" : " on ", host),
                   .command = share.command,
                   .environment = share.of_rank(i),
                   .folder = share.folder},
         .prefix = share.prefix ? fmt::format("[{}] ", rank) : ""});
  }
}

class Launch {
 public:
  explicit Launch(const LaunchOptions& options) : options_(options) {
    if (options_.command.empty()) {
      throw CLI::ValidationError("what to start? headrace launch -n 4 -- COMMAND ARGUMENTS...");
    }
    if (options_.ranks == 0 && options_.hosts.empty()) {
      throw CLI::ValidationError("how many ranks? Give -n, --hosts or both");
    }
    places_ = options_.hosts.empty() ? std::vector<Place>{{.slots = options_.ranks}}
                                     : fill(parse_hosts(options_.hosts), options_.ranks);
    for (Place& place : places_) {
      if (is_this_machine(place.host)) place.host.clear();
    }
  }

  int run() {
    SignalInbox signals;  // before the store's thread, which must not take them
    serve_store();
    Supervisor supervisor(signals, {.grace = options_.grace});
    for (int epoch = 0;; ++epoch) {
      const int status = supervisor.run(members(epoch));
      if (status == 0 || supervisor.interrupted()) return status;
      if (epoch == options_.max_restarts) {
        if (epoch > 0) spdlog::error("it has failed after {} restarts", epoch);
        return status;
      }
      spdlog::warn("restart {} of {}", epoch + 1, options_.max_restarts);
    }
  }

 private:
  // Here and not in rank 0: it outlives any rank, so that the others can still read what happened,
  // and no port has to be guessed.
  void serve_store() {
    auto secret = comm::Secret::from_environment();
    if (secret.empty()) secret = comm::Secret::random();
    environment_["HEADRACE_SECRET"] = secret.text();
    environment_["HEADRACE_SECRET_FILE"] = "";
    environment_["HEADRACE_JOB"] = comm::Secret::random().text().substr(0, 12);
    environment_["HEADRACE_STORE"] = options_.store;
    const auto remote =
        std::ranges::find_if(places_, [](const Place& place) { return !place.host.empty(); });
    std::string address = options_.address;
    if (address.empty()) {
      address = remote == places_.end() ? "127.0.0.1" : comm::address_towards(remote->host);
    }
    if (remote != places_.end()) environment_["HEADRACE_ADDRESS"] = address;
    if (!options_.store.empty()) return;
    server_.emplace(comm::StoreServer::Options{.host = address, .secret = secret});
    environment_["HEADRACE_STORE"] = "tcp:" + comm::to_string({address, server_->port()});
    environment_["HEADRACE_STORE_SERVED"] = "1";
  }

  std::vector<Supervisor::Member> members(int epoch) const {
    Share share{.environment = environment_,
                .command = options_.command,
                .grace = options_.grace,
                .prefix = !options_.no_prefix};
    int ranks = 0;
    for (const Place& place : places_) ranks += place.slots;
    share.environment["HEADRACE_WORLD_SIZE"] = std::to_string(ranks);
    share.environment["HEADRACE_EPOCH"] = std::to_string(epoch);
    for (const std::string& variable : options_.variables) {
      add_variable(variable, share.environment);
    }
    std::vector<Supervisor::Member> members;
    for (const Place& place : places_) {
      share.count = place.slots;
      if (place.host.empty()) {
        add_ranks(share, "", members);
      } else {
        members.push_back(agent(place.host, share));
      }
      share.first_rank += place.slots;
    }
    return members;
  }

  // `headrace launch --agent` on the other host starts the ranks there. What it is to do goes
  // through its standard input: a command line can be read by everybody.
  Supervisor::Member agent(const std::string& host, Share share) const {
    share.folder = std::filesystem::current_path().string();
    std::vector<std::string> command;
    std::istringstream words(options_.ssh);
    for (std::string word; words >> word;) command.push_back(word);
    if (command.empty()) throw CLI::ValidationError("--ssh is empty");
    const std::string own = options_.remote_headrace.empty()
                                ? std::filesystem::read_symlink("/proc/self/exe").string()
                                : options_.remote_headrace;
    command.push_back(host);
    command.push_back(quoted(own) + " launch --agent");
    return {.start = {.name = "the agent on " + host, .command = command, .input = true},
            .input = to_json(share) + "\n"};
  }

  LaunchOptions options_;
  std::vector<Place> places_;
  Environment environment_;
  std::optional<comm::StoreServer> server_;
};

/// The line of JSON that an agent's standard input starts with; not a byte more.
std::string read_share() {
  constexpr size_t kMost = 64 << 20;
  std::string text;
  for (char byte = 0; text.size() < kMost;) {
    const ssize_t count = read(0, &byte, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0 || byte == '\n') break;
    text.push_back(byte);
  }
  return text;
}

int run_agent() {
  Share share = share_from_json(read_share());
  // So far it is the launcher's; ours is that of the way there.
  auto& address = share.environment["HEADRACE_ADDRESS"];
  address = comm::address_towards(address);
  char host[256] = {};
  gethostname(host, sizeof host - 1);
  SignalInbox signals;
  Supervisor supervisor(signals, {.grace = share.grace, .has_owner = true});
  std::vector<Supervisor::Member> members;
  add_ranks(share, host, members);
  return supervisor.run(members);
}

Action setup(CLI::App& flags) {
  auto options = std::make_shared<LaunchOptions>();
  flags.footer(
      "Ranks find each other through HEADRACE_RANK, HEADRACE_WORLD_SIZE, HEADRACE_LOCAL_RANK,\n"
      "HEADRACE_STORE and HEADRACE_SECRET, which are set for them. Their lines come out with the\n"
      "rank before them. When one fails, all others are stopped, and its exit status is that of "
      "the\n"
      "launch (128 and the signal if one killed it). A second Ctrl-C kills.");
  flags
      .add_option("-n,--ranks", options->ranks,
                  "Ranks to start; without it, as many as the hosts have slots")
      ->check(CLI::Range(1, kMostRanks))
      ->default_str("");
  flags
      .add_option("--hosts", options->hosts,
                  "HOST[:SLOTS],...: where, filled in this order; others than this one by ssh")
      ->default_str("this one");
  flags
      .add_option("--max-restarts", options->max_restarts,
                  "Start all ranks again, at most so often, when one has failed; headrace train "
                  "goes on from its last checkpoint then")
      ->check(CLI::NonNegativeNumber);
  flags
      .add_option("--grace", options->grace,
                  "Seconds from SIGTERM to SIGKILL for those who are stopped")
      ->check(seconds_from_zero());
  flags.add_flag("--no-prefix", options->no_prefix, "Leave out the rank before each line");
  flags
      .add_option("--store", options->store,
                  "Where ranks meet: file:DIR or redis:HOST[:PORT] instead of the launch itself")
      ->default_str("");
  flags
      .add_option("--address", options->address,
                  "Address of this machine at which other hosts reach it")
      ->default_str("that of the way to the first of them");
  flags.add_option("--ssh", options->ssh, "How to reach other hosts: a command and its arguments");
  flags
      .add_option("--remote-headrace", options->remote_headrace,
                  "This program's path on other hosts")
      ->default_str("the same as here");
  flags
      .add_option("--env", options->variables,
                  "NAME or NAME=VALUE: a variable for all ranks, on other hosts too")
      ->allow_extra_args(false)
      ->default_str("");
  flags.add_flag("--agent", options->agent, "Be the end of a launch on another host")->group("");
  flags.add_option("COMMAND", options->command, "After --: what each rank runs")->default_str("");
  return [options] { return options->agent ? run_agent() : Launch(*options).run(); };
}

const RegisterCommand kLaunch("launch", "Start a command as many ranks, here and on other hosts",
                              setup);

}  // namespace
}  // namespace headrace::tools
