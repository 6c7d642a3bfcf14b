#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

namespace headrace::testing {

/// A program that ends with this object at the latest: killed, and waited for. It is killed too if
/// the test dies before.
class ChildProcess {
 public:
  /// `command[0]` is looked up in PATH. Its output goes to `output`, a file, or nowhere.
  explicit ChildProcess(const std::vector<std::string>& command, const std::string& output = "");
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t id() const { return id_; }
  void signal(int number) const;

  /// Its wait status, as soon as it has ended; -1 if it has not after `seconds`.
  int wait(double seconds);

 private:
  pid_t id_ = -1;
  int status_ = -1;
};

/// A port that nobody listens at now.
int free_port();

}  // namespace headrace::testing
