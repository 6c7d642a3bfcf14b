#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace headrace::comm {

/// Ranks that are processes, forked by a test. What is left of them when this goes is killed.
class Processes {
 public:
  Processes() = default;
  ~Processes();
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;

  /// Runs body(rank) in a process of its own for each of `ranks`. An exception becomes the text of
  /// its outcome and exit status 1.
  void start(int ranks, const std::function<void(int rank)>& body);

  void signal(int rank, int number);

  struct Outcome {
    int status = -1;  // exit status; 128 + signal; -1: did not end in time
    std::string error;
    double seconds = 0;  // from mark() to its end
  };

  /// Seconds count from here.
  void mark() { marked_ = std::chrono::steady_clock::now(); }

  /// Waits for all but those in `without`; whoever has not ended after `limit` seconds is killed.
  std::vector<Outcome> wait(double limit, const std::vector<int>& without = {});

 private:
  struct Child {
    pid_t pid = -1;
    int error = -1;  // read end of a pipe
  };
  std::vector<Child> children_;
  std::chrono::steady_clock::time_point marked_ = std::chrono::steady_clock::now();
};

}  // namespace headrace::comm
