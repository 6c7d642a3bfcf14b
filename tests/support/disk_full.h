#pragma once

#include <csignal>

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace headrace::testing {

/// While it lives, files of this process cannot grow beyond `bytes`: writes fail as they do on a
/// full disk.
class DiskFull {
 public:
  explicit DiskFull(rlim_t bytes) : old_handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &old_limit_), 0);
    const rlimit limit{.rlim_cur = bytes, .rlim_max = old_limit_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  }
  ~DiskFull() {
    ::setrlimit(RLIMIT_FSIZE, &old_limit_);
    std::signal(SIGXFSZ, old_handler_);
  }
  DiskFull(const DiskFull&) = delete;
  DiskFull& operator=(const DiskFull&) = delete;

 private:
  rlimit old_limit_;
  void (*old_handler_)(int);
};

}  // namespace headrace::testing
