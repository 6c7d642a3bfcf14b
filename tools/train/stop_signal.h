#pragma once

#include <csignal>

namespace headrace::tools {

/// While it lives, the first SIGINT or SIGTERM only sets a flag; the second one ends the process as
/// usual. One at a time.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  bool requested() const;

 private:
  struct sigaction old_int_;
  struct sigaction old_term_;
};

}  // namespace headrace::tools
