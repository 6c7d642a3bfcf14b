#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "comm/store.h"

/// Which rank of which job this process is. Launchers say so in environment variables, each in its
/// own.
namespace headrace::comm {

/// The value of an environment variable, if it is set and not empty.
using Variables = std::function<std::optional<std::string>(const std::string& name)>;
std::optional<std::string> environment_variable(const std::string& name);

/// What a command line says; it has the last word.
struct LaunchFlags {
  std::optional<int> rank;
  std::optional<int> size;           // given together
  std::optional<std::string> store;  // as for open_store()
};

struct LaunchEnvironment {
  int rank = 0;
  int size = 1;
  int local_rank = 0;  // among the ranks of this host
  int local_size = 1;  // at least so many, if the launcher does not say it
  /// The launcher says that all ranks are on one host. Where it knows, it tells all of them.
  bool one_host = false;

  /// Who said so ("Open MPI"), and by which variable; empty for a single process.
  std::string launcher;
  std::string variable;

  /// Where ranks meet, as for open_store(); empty if nobody said and it cannot be derived.
  std::string store;
  /// What the address is derived from: "HEADRACE_STORE", "MASTER_ADDR", ...
  std::string store_reason;
  /// Numeric address at which other hosts reach this rank (HEADRACE_ADDRESS, which `headrace
  /// launch` sets where there are several); empty if nobody said.
  std::string address;
  /// True on the rank that serves a tcp store.
  bool serves_store = false;
  /// Distinguishes jobs that use one store, and the starts of one job: 0, then one more after each
  /// restart (HEADRACE_EPOCH; under torchrun its own count where all ranks are on one host, because
  /// agents of several hosts do not count alike).
  std::string job;
  int epoch = 0;

  /// "rank 3 of 8, local rank 1 of 4, by Open MPI (OMPI_COMM_WORLD_RANK); ranks meet at
  /// tcp:10.0.0.1:29400 (HEADRACE_STORE)"
  std::string describe() const;
};

/// Flags decide, and so does a complete pair of HEADRACE_RANK and HEADRACE_WORLD_SIZE (headrace
/// launch, or set by hand): nobody else is asked then. Otherwise asks, in this order, and believes
/// the first that answers: RANK and WORLD_SIZE (torchrun, PyTorchJob); Open MPI; MVAPICH2; PALS;
/// MPICH and Intel MPI; Flux; Slurm, if this is one of several tasks of a step without a terminal;
/// Horovod; a Kubernetes Indexed Job. The inner launcher comes before the one that it runs in: a
/// torchrun in a Slurm task has the task's variables too. Where Slurm says the same as PALS or
/// MPICH it is believed (srun --mpi=pmi2 sets both).
///
/// Where nobody names a store: MASTER_ADDR and MASTER_PORT (one port higher under torchrun, whose
/// agent listens there itself); the first host of a Slurm step; loopback, with a port made from the
/// job's name, for Open MPI and MPICH when all ranks are on this host.
///
/// Throws kInvalidArgument for values that are no numbers, are out of range, are incomplete, or
/// contradict each other in a way that nesting does not explain (variables left over from another
/// job), and names the variables.
LaunchEnvironment detect_launch(const LaunchFlags& flags = {},
                                const Variables& variables = environment_variable);

/// Whether a launcher says that all the ranks it has started are on this host. Throws like
/// detect_launch() for values that are no numbers.
bool launched_on_one_host(const Variables& variables = environment_variable);

/// How ranks are connected where nobody says it: "shm" or "tcp".
inline std::string transport_for(bool one_host) { return one_host ? "shm" : "tcp"; }

/// The store where the ranks of this job and epoch meet, served by rank 0 if nobody else does.
/// Throws kInvalidArgument if none is known, and what open_store() does. The secret is that of the
/// environment (comm/secret.h).
std::shared_ptr<Store> open_job_store(const LaunchEnvironment& launch, double timeout = 30,
                                      bool insecure = false);

/// The hosts of a Slurm node list: "a[01-03,7],b" is a01 a02 a03 a7 b. Throws kInvalidArgument.
std::vector<std::string> expand_hosts(std::string_view list);

/// Tasks per node from Slurm's form: "4(x2),3" is 4 4 3. Throws kInvalidArgument.
std::vector<int> expand_counts(std::string_view list);

}  // namespace headrace::comm
