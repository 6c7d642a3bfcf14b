#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

#include "tests/support/temp_folder.h"

namespace headrace::testing {

struct ProcessResult {
  int exit_code = -1;  // -1 when a signal ended it
  int signal = 0;
  std::string out;
  std::string err;
  size_t peak_bytes = 0;  // resident; at least what the test itself had resident when it began
};

/// Path of the command of this build.
std::string headrace_command();

/// The command `headrace` of this build, running with these arguments. Whoever forgets it kills it.
class Process {
 public:
  explicit Process(const std::vector<std::string>& args, const std::filesystem::path& folder = "/",
                   const std::vector<std::string>& environment = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void send(int signal) const;
  bool running();
  /// What it has written to stderr so far.
  std::string err() const { return read_file(output_ / "err"); }
  /// Waits for its end; at the deadline it is killed and the test fails.
  ProcessResult wait(std::chrono::seconds deadline = std::chrono::seconds(60));

 private:
  TempFolder output_;
  pid_t pid_ = -1;
  int status_ = 0;
  size_t peak_bytes_ = 0;
};

/// Runs the command to its end.
ProcessResult headrace(const std::vector<std::string>& args,
                       const std::filesystem::path& folder = "/");

/// Runs it on a terminal of 100 columns, with `environment` added; returns what appears there.
std::string headrace_on_terminal(const std::vector<std::string>& args,
                                 const std::vector<std::string>& environment = {});

}  // namespace headrace::testing
