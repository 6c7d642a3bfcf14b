#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tools/launch/process_group.h"

namespace headrace::tools {

/// While it lives, signals to this process are read from a descriptor instead of acted upon, and
/// orphans of what it starts become its children. One at a time, made before any thread.
class SignalInbox {
 public:
  SignalInbox();
  ~SignalInbox();
  SignalInbox(const SignalInbox&) = delete;
  SignalInbox& operator=(const SignalInbox&) = delete;

  int descriptor() const { return descriptor_; }
  /// The next signal that came, 0 if there is none. SIGCHLD counts as none.
  int next();

 private:
  int descriptor_ = -1;
};

/// Runs processes until all have ended. The first that fails ends all others: after a moment, in
/// which those who notice by themselves say so, SIGTERM, and after the grace time SIGKILL.
class Supervisor {
 public:
  struct Member {
    ProcessGroup::Start start;
    std::string prefix;  // before each of its lines
    std::string input;   // what its standard input starts with; it stays open
  };
  struct Options {
    double grace = 5;
    bool has_owner = false;  // standard input says "signal N"; at its end all is stopped
  };

  Supervisor(SignalInbox& signals, const Options& options);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// 0, or the exit code of the first that failed. Nothing that was started is left.
  int run(const std::vector<Member>& members);

  /// True once a signal asked all to stop: no reason to start again.
  bool interrupted() const { return interrupted_; }

 private:
  struct Running;
  using Clock = std::chrono::steady_clock;

  void pass_on(int number);
  void stop_all(int number);
  void read_owner();
  void read_output(Running& one, bool error);
  void write_input(Running& one);
  bool look_at_all();
  void kill_orphans();

  SignalInbox& signals_;
  Options options_;
  std::vector<pid_t> inherited_;  // children from before an exec(), which are others' business
  std::vector<std::unique_ptr<Running>> running_;
  std::string owner_input_;
  bool owner_gone_ = false;
  int first_failure_ = 0;
  bool interrupted_ = false;
  bool stopping_ = false;
  Clock::time_point ask_at_ = Clock::time_point::max();
  Clock::time_point kill_at_ = Clock::time_point::max();
};

}  // namespace headrace::tools
