#pragma once

#include <csignal>

namespace headrace::tools {

/// From listen() on, while it lives, the first SIGINT or SIGTERM only sets a flag; the second one
/// ends the process as usual. One at a time. With an error on its way out of the process it stays
/// as it is, so that whoever ends all ranks because one has failed does not cut the others short.
class StopSignal {
 public:
  StopSignal() = default;
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  /// Once there is something to be saved; again is the same as once.
  void listen();
  bool requested() const;

 private:
  bool listens_ = false;
  struct sigaction old_int_;
  struct sigaction old_term_;
};

}  // namespace headrace::tools
