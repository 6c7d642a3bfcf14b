#include "comm/launch_environment.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <limits>

#include <unistd.h>

#include "comm/secret.h"
#include "comm/store/open.h"
#include "comm/store/socket.h"
#include "core/error.h"

namespace headrace::comm {
namespace {

// What one launcher sets. Empty names: it does not say.
struct Launcher {
  const char* name;
  const char* rank;
  const char* size;
  const char* local_rank;
  const char* local_size;
};

// The inner before the outer.
constexpr Launcher kLaunchers[] = {
    {"headrace launch", "HEADRACE_RANK", "HEADRACE_WORLD_SIZE", "HEADRACE_LOCAL_RANK",
     "HEADRACE_LOCAL_SIZE"},
    {"torchrun", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"},
    {"Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK",
     "OMPI_COMM_WORLD_LOCAL_SIZE"},
    {"MVAPICH2", "MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_LOCAL_RANK",
     "MV2_COMM_WORLD_LOCAL_SIZE"},
    {"PALS", "PALS_RANKID", "PMI_SIZE", "PALS_LOCAL_RANKID", "PMI_LOCAL_SIZE"},
    {"MPICH", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"},
    {"Flux", "FLUX_TASK_RANK", "FLUX_JOB_SIZE", "FLUX_TASK_LOCAL_ID", ""},
    {"Slurm", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", ""},
    {"Horovod", "HOROVOD_RANK", "HOROVOD_SIZE", "HOROVOD_LOCAL_RANK", "HOROVOD_LOCAL_SIZE"},
    {"a Kubernetes Indexed Job", "JOB_COMPLETION_INDEX", "WORLD_SIZE", "", ""},
};

constexpr int kTorchPort = 29500;
constexpr int kFirstPort = 20000;  // below what systems give to outgoing connections
constexpr int kPorts = 10000;

struct Claim {
  const Launcher* launcher = nullptr;
  int rank = 0;
  int size = 1;
};

class Detector {
 public:
  explicit Detector(const Variables& variables) : variables_(variables) {}

  LaunchEnvironment detect(const LaunchFlags& flags) {
    LaunchEnvironment found;
    if (flags.rank || flags.size) {
      by_flags(flags, found);
    } else if (const auto claims = ask_all(); !claims.empty()) {
      const Claim& claim = best(claims);
      check_others(claim, claims);
      by_launcher(claim, found);
    } else {
      check_nobody();
    }
    find_store(flags, found);
    found.address = variables_("HEADRACE_ADDRESS").value_or("");
    found.epoch = epoch(found);
    return found;
  }

  bool one_host() const {
    const auto claims = ask_all();
    return !claims.empty() && local_size(*best(claims).launcher) == best(claims).size;
  }

 private:
  std::optional<int> number(const std::string& name, int least, int most) const {
    if (name.empty()) return std::nullopt;
    const auto text = variables_(name);
    if (!text) return std::nullopt;
    int value = 0;
    const auto [stop, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    require(error == std::errc() && stop == text->data() + text->size() && value >= least &&
                value <= most,
            ErrorCode::kInvalidArgument, "{} is '{}'; expected a number from {} to {}", name, *text,
            least, most);
    return value;
  }
  // Agents of torchrun on several hosts restart their ranks together and count their own failures.
  int epoch(const LaunchEnvironment& found) const {
    constexpr int kMost = std::numeric_limits<int>::max();
    const auto ours = number("HEADRACE_EPOCH", 0, kMost);
    if (ours || found.launcher != "torchrun" || !found.one_host) return ours.value_or(0);
    return number("TORCHELASTIC_RESTART_COUNT", 0, kMost).value_or(0);
  }

  std::optional<int> count(const std::string& name, int least) const {
    return number(name, least, 1 << 24);
  }

  bool is(const Launcher& launcher, std::string_view name) const { return name == launcher.name; }

  std::vector<Claim> ask_all() const {
    // headrace launch, and who sets both by hand, is in the know: whatever else another launcher
    // has left behind, half of it perhaps, is not asked for.
    const Launcher& ours = kLaunchers[0];
    if (variables_(ours.rank) && variables_(ours.size)) return {*ask(ours)};
    std::vector<Claim> claims;
    for (const Launcher& launcher : kLaunchers) {
      if (const auto claim = ask(launcher)) claims.push_back(*claim);
    }
    return claims;
  }

  /// Whom we believe. srun --mpi=pmi2 sets MPICH's variables for each task; its own say the same
  /// and more.
  const Claim& best(const std::vector<Claim>& claims) const {
    const Claim& first = claims.front();
    if (!is(*first.launcher, "MPICH") && !is(*first.launcher, "PALS")) return first;
    const auto slurm = std::ranges::find_if(claims, [&](const Claim& claim) {
      return is(*claim.launcher, "Slurm") && claim.rank == first.rank && claim.size == first.size;
    });
    return slurm == claims.end() ? first : *slurm;
  }

  std::optional<Claim> ask(const Launcher& launcher) const {
    if (is(launcher, "Slurm") && !in_slurm_step()) return std::nullopt;
    // RANK alone is a common name; without the other half nobody launched this.
    const bool needs_both = is(launcher, "torchrun") || is(launcher, "PALS");
    if (needs_both && !(variables_(launcher.rank) && variables_(launcher.size))) {
      return std::nullopt;
    }
    const auto rank = count(launcher.rank, 0);
    if (!rank) return std::nullopt;
    const auto size = count(launcher.size, 1);
    if (!size) {
      fail(ErrorCode::kInvalidArgument,
           "{} says rank {} ({}) of how many? Set {} to the number of ranks, or HEADRACE_RANK and "
           "HEADRACE_WORLD_SIZE to 0 and 1 for a job of its own",
           launcher.name, *rank, launcher.rank, launcher.size);
    }
    require(*rank < *size, ErrorCode::kInvalidArgument,
            "{}={} is no rank among {}={}; ranks count from 0", launcher.rank, *rank, launcher.size,
            *size);
    return Claim{&launcher, *rank, *size};
  }

  // A shell in an allocation has most of the variables too. Only a step has SLURM_STEP_NUM_TASKS;
  // one task, or one with a terminal (srun --pty), is somebody who works by hand.
  bool in_slurm_step() const {
    const auto tasks = count("SLURM_STEP_NUM_TASKS", 1);
    return tasks && *tasks > 1 && !variables_("SLURM_PTY_PORT") && !variables_("SLURM_PTY_WIN_COL");
  }

  // Another launcher may have started the one that we believe; then it counts other things. What
  // counts the same things differently is left over from another job.
  void check_others(const Claim& claim, const std::vector<Claim>& claims) const {
    const bool set_by_hand = is(*claim.launcher, "torchrun") && !variables_("TORCHELASTIC_RUN_ID");
    for (const Claim& other : claims) {
      const bool same = other.rank == claim.rank && other.size == claim.size;
      const bool contradicts = other.size == claim.size || (set_by_hand && other.size > 1);
      require(same || !contradicts, ErrorCode::kInvalidArgument,
              "{}={}, {}={} and {}={}, {}={} contradict each other; unset those that are left over "
              "from another job, or set HEADRACE_RANK and HEADRACE_WORLD_SIZE",
              claim.launcher->rank, claim.rank, claim.launcher->size, claim.size,
              other.launcher->rank, other.rank, other.launcher->size, other.size);
    }
  }

  void check_nobody() const {
    if (const auto rank = variables_("PMIX_RANK")) {
      fail(ErrorCode::kInvalidArgument,
           "PMIX_RANK={} is set and nothing says of how many ranks; set HEADRACE_RANK and "
           "HEADRACE_WORLD_SIZE",
           *rank);
    }
    if (const auto size = variables_("HEADRACE_WORLD_SIZE")) {
      fail(ErrorCode::kInvalidArgument,
           "HEADRACE_WORLD_SIZE={} is set and HEADRACE_RANK is not; set both", *size);
    }
  }

  static void by_flags(const LaunchFlags& flags, LaunchEnvironment& found) {
    require(flags.rank && flags.size, ErrorCode::kInvalidArgument,
            "the rank and the number of ranks are given together: which one, of how many");
    require(*flags.size >= 1 && *flags.rank >= 0 && *flags.rank < *flags.size,
            ErrorCode::kInvalidArgument, "rank {} is none among {} ranks; ranks count from 0",
            *flags.rank, *flags.size);
    found.rank = *flags.rank;
    found.size = *flags.size;
    found.launcher = "flags";
    found.variable = "--rank";
  }

  void by_launcher(const Claim& claim, LaunchEnvironment& found) const {
    const Launcher& launcher = *claim.launcher;
    found.rank = claim.rank;
    found.size = claim.size;
    found.launcher = launcher.name;
    found.variable = launcher.rank;
    found.local_rank = count(launcher.local_rank, 0).value_or(0);
    const auto local = local_size(launcher);
    found.local_size = local.value_or(found.local_rank + 1);
    found.one_host = local == found.size;
    require(
        found.local_rank < found.local_size && found.local_size <= found.size,
        ErrorCode::kInvalidArgument,
        "{}={} and {}={} do not fit {}={}: a local rank is less than the ranks of its host, and "
        "those are part of all",
        launcher.local_rank, found.local_rank, launcher.local_size, found.local_size, launcher.size,
        found.size);
  }

  std::optional<int> local_size(const Launcher& launcher) const {
    if (is(launcher, "Slurm")) {
      const auto list = variables_("SLURM_STEP_TASKS_PER_NODE");
      const auto node = count("SLURM_NODEID", 0);
      if (list && node) {
        const auto counts = expand_counts(*list);
        require(static_cast<size_t>(*node) < counts.size(), ErrorCode::kInvalidArgument,
                "SLURM_NODEID={} is no node of SLURM_STEP_TASKS_PER_NODE={}", *node, *list);
        return counts[static_cast<size_t>(*node)];
      }
    }
    return count(launcher.local_size, 1);
  }

  void find_store(const LaunchFlags& flags, LaunchEnvironment& found) const {
    if (flags.store) {
      set_store(found, *flags.store, "--store");
    } else if (const auto store = variables_("HEADRACE_STORE")) {
      set_store(found, *store, "HEADRACE_STORE");
    } else if (const auto address = variables_("MASTER_ADDR")) {
      const bool agent = variables_("TORCHELASTIC_USE_AGENT_STORE") == "True";
      const int port = number("MASTER_PORT", 1, 65534).value_or(kTorchPort) + (agent ? 1 : 0);
      set_store(found, "tcp:" + to_string(HostPort{*address, port}),
                agent ? "MASTER_ADDR, one port above torchrun's own" : "MASTER_ADDR");
    } else if (found.launcher == "Slurm") {
      const auto list = variables_("SLURM_STEP_NODELIST");
      if (list) {
        found.job = "slurm" + variables_("SLURM_JOB_ID").value_or("") + "." +
                    variables_("SLURM_STEP_ID").value_or("");
        set_store(found,
                  "tcp:" + to_string(HostPort{expand_hosts(*list).front(), port_of(found.job)}),
                  "the first of SLURM_STEP_NODELIST");
      }
    } else if (found.size > 1 && found.one_host) {
      local_store(found);
    }
    if (const auto job = variables_("HEADRACE_JOB")) found.job = *job;
    // The launcher's store is not ours to serve.
    found.serves_store = found.rank == 0 && found.store.starts_with("tcp:") &&
                         variables_("HEADRACE_STORE_SERVED") != "1";
  }

  // All ranks are children of one mpirun on this host.
  void local_store(LaunchEnvironment& found) const {
    if (found.launcher == "Open MPI") {
      const auto name = variables_("PMIX_NAMESPACE");
      if (!name) return;
      found.job = "ompi" + *name;
    } else if (found.launcher == "MPICH") {
      found.job = "mpich" + std::to_string(getppid());
    } else {
      return;
    }
    found.job += "." + std::to_string(getuid());
    set_store(found, "tcp:" + to_string(HostPort{"127.0.0.1", port_of(found.job)}),
              "all ranks are on this host");
  }

  static void set_store(LaunchEnvironment& found, std::string store, std::string reason) {
    found.store = std::move(store);
    found.store_reason = std::move(reason);
  }

  // The same on all ranks; two jobs seldom share one, and the second is told.
  static int port_of(const std::string& job) {
    uint32_t hash = 2166136261u;  // FNV-1a
    for (const char character : job) hash = (hash ^ static_cast<uint8_t>(character)) * 16777619u;
    return kFirstPort + static_cast<int>(hash % kPorts);
  }

  const Variables& variables_;
};

}  // namespace

std::optional<std::string> environment_variable(const std::string& name) {
  const char* text = std::getenv(name.c_str());
  return text == nullptr || *text == '\0' ? std::nullopt : std::optional<std::string>(text);
}

LaunchEnvironment detect_launch(const LaunchFlags& flags, const Variables& variables) {
  return Detector(variables).detect(flags);
}

bool launched_on_one_host(const Variables& variables) { return Detector(variables).one_host(); }

std::string LaunchEnvironment::describe() const {
  std::string text = launcher.empty()
                         ? std::string("a single process: no launcher has set its variables")
                         : fmt::format("rank {} of {}, local rank {} of {}, by {} ({})", rank, size,
                                       local_rank, local_size, launcher, variable);
  if (epoch > 0) text += fmt::format(", restart {}", epoch);
  if (size > 1) {
    text += store.empty() ? std::string("; where ranks meet is not known")
                          : fmt::format("; ranks meet at {} ({})", store, store_reason);
  }
  return text;
}

std::shared_ptr<Store> open_job_store(const LaunchEnvironment& launch, double timeout,
                                      bool insecure) {
  require(!launch.store.empty(), ErrorCode::kInvalidArgument,
          "{} ranks need a place to meet: give --store file:DIR (a folder that all see), --store "
          "tcp:HOST:PORT (rank 0's host) or --store redis:HOST, or set HEADRACE_STORE. Found: {}",
          launch.size, launch.describe());
  auto store = open_store(launch.store, {.timeout = timeout,
                                         .serve = launch.serves_store,
                                         .secret = Secret::from_environment(),
                                         .insecure = insecure});
  return make_prefix_store(std::move(store), fmt::format("{}/{}/", launch.job, launch.epoch));
}

}  // namespace headrace::comm
