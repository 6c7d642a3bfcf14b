#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "comm/common_world.h"
#include "comm/join.h"
#include "comm/launch_environment.h"
#include "comm/store.h"
#include "core/workspace.h"

namespace CLI {
class App;
}

namespace headrace::tools {

/// The blob that Caffe2's nets for several machines expect the handle of a store in.
inline constexpr const char* kStoreHandler = "store_handler";

/// Which rank of which job this process is, where nobody else says so.
struct WorldFlags {
  std::optional<int> rank;
  std::optional<int> size;
  std::optional<std::string> store;
  std::string transport = "auto";  // shm where the launcher says that all are on one host, else tcp
  std::string interface;
  std::optional<double> timeout;  // seconds; nothing: 60, or what a net says of its world
  bool insecure = false;

  void add_to(CLI::App& flags);
};

/// The job that this process is a rank of: a single process, unless flags or a launcher say
/// otherwise; one line of the log tells which, and how they will be connected.
class Job {
 public:
  /// When communication fails, each rank writes its last collectives into `flight_folder`, unless
  /// that is empty.
  explicit Job(const WorldFlags& flags, std::filesystem::path flight_folder = {});

  int rank() const { return launch_.rank; }
  int size() const { return launch_.size; }
  /// The launcher's name for this job, the same after a restart; empty if it has none.
  const std::string& name() const { return launch_.job; }
  /// How often the launcher has started it again.
  int restart() const { return launch_.epoch; }

  /// All ranks of the job, connected when this is first called, on all of them.
  std::shared_ptr<comm::CommonWorld> world();

  /// Tells all ranks, if they are connected, that this one has failed and why.
  void abort(const std::string& reason);

  /// Puts the handles that nets expect from outside into a workspace: `store_handler`, which
  /// Caffe2's nets for several machines make their common worlds with, where a store is known (the
  /// flags go before what those nets say); and `world`, unless empty, the world of the job. The job
  /// has to outlive the workspace.
  void feed(Workspace& workspace, const std::string& world);

 private:
  std::shared_ptr<comm::Store> store();
  double timeout() const { return flags_.timeout.value_or(60); }

  /// Says of a world what the flags and the launcher say of all worlds of this job.
  void adjust(comm::JoinOptions& options) const;

  /// "shm" or "tcp", and why.
  std::pair<std::string, std::string> transport() const;

  WorldFlags flags_;
  std::filesystem::path flight_folder_;
  comm::LaunchEnvironment launch_;
  std::shared_ptr<comm::Store> store_;
  std::shared_ptr<comm::CommonWorld> world_;
};

}  // namespace headrace::tools
