#pragma once

#include <memory>
#include <optional>
#include <string>

#include "comm/common_world.h"
#include "comm/launch_environment.h"
#include "comm/store.h"
#include "core/workspace.h"

namespace CLI {
class App;
}

namespace headrace::tools {

/// Which rank of which job this process is, where nobody else says so.
struct WorldFlags {
  std::optional<int> rank;
  std::optional<int> size;
  std::optional<std::string> store;
  std::string interface;
  double timeout = 60;
  bool insecure = false;

  void add_to(CLI::App& flags);
};

/// The job that this process is a rank of: a single process, unless flags or a launcher say
/// otherwise; one line of the log tells which.
class Job {
 public:
  explicit Job(const WorldFlags& flags);

  int rank() const { return launch_.rank; }
  int size() const { return launch_.size; }

  /// All ranks of the job, connected when this is first called, on all of them.
  std::shared_ptr<comm::CommonWorld> world();

  /// Puts the handles that nets expect from outside into a workspace: `store_handler`, which
  /// Caffe2's nets for several machines make their common worlds with, where a store is known; and
  /// `world`, unless empty, the world of the job.
  void feed(Workspace& workspace, const std::string& world);

 private:
  std::shared_ptr<comm::Store> store();

  WorldFlags flags_;
  comm::LaunchEnvironment launch_;
  std::shared_ptr<comm::Store> store_;
  std::shared_ptr<comm::CommonWorld> world_;
};

}  // namespace headrace::tools
