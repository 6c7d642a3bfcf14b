#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

#include "tools/launch/plan.h"

namespace headrace::tools {

/// How a process ended.
struct Ending {
  bool ended = false;
  int status = 0;  // of waitpid()
  bool failed() const { return ended && status != 0; }
  /// What a shell would return: its exit status, or 128 and the signal.
  int exit_code() const;
  /// "exited with status 3", "was killed by signal 9 (Killed)"
  std::string describe() const;
};

/// A program in a process group of its own: what it starts ends with it. Its standard output and
/// error come through pipes. It is killed when the thread that started it ends.
class ProcessGroup {
 public:
  struct Start {
    std::string name;  // in messages: "rank 3"
    std::vector<std::string> command;
    Environment environment;  // on top of this process's
    std::string folder;       // working directory; empty: this one
    bool input = false;       // its standard input is a pipe too; else it is empty
  };

  /// Throws Error (kNotFound) if there is no such program or folder, kIo if nothing can be started.
  explicit ProcessGroup(const Start& start);
  ~ProcessGroup();
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;

  const std::string& name() const { return name_; }
  pid_t id() const { return id_; }
  int output(bool error) const { return error ? error_ : output_; }
  void close_output(bool error);
  int input() const { return input_; }
  void close_input();

  /// To all of the group that are still there.
  void signal(int number) const;

  /// Looks whether it has ended. If so, what is left of its group is killed.
  const Ending& look();
  const Ending& ending() const { return ending_; }

 private:
  std::string name_;
  pid_t id_ = -1;
  int output_ = -1;
  int error_ = -1;
  int input_ = -1;
  Ending ending_;
};

}  // namespace headrace::tools
