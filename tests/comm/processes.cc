#include "tests/comm/processes.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <exception>
#include <thread>

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace headrace::comm {

Processes::~Processes() {
  for (const Child& child : children_) {
    if (child.pid > 0) {
      ::kill(child.pid, SIGKILL);
      ::waitpid(child.pid, nullptr, 0);
    }
    ::close(child.error);
  }
}

void Processes::start(int ranks, const std::function<void(int rank)>& body) {
  std::fflush(nullptr);
  for (int rank = 0; rank < ranks; ++rank) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (const Child& other : children_) ::close(other.error);
      int status = 0;
      std::string error;
      try {
        body(rank);
      } catch (const std::exception& thrown) {
        status = 1;
        error = thrown.what();
      }
      // A pipe holds 64 KiB, more than any error.
      if (::write(ends[1], error.data(), error.size()) < 0) status = 2;
      ::_exit(status);
    }
    ::close(ends[1]);
    children_.push_back({pid, ends[0]});
  }
}

void Processes::signal(int rank, int number) {
  ASSERT_EQ(::kill(children_[static_cast<size_t>(rank)].pid, number), 0);
}

std::vector<Processes::Outcome> Processes::wait(double limit, const std::vector<int>& without) {
  using Clock = std::chrono::steady_clock;
  auto since = [&](Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
  };
  const auto began = Clock::now();
  std::vector<Outcome> outcomes(children_.size());
  auto excused = [&](size_t rank) {
    return std::find(without.begin(), without.end(), static_cast<int>(rank)) != without.end();
  };
  bool waiting = true;
  while (waiting) {
    waiting = false;
    for (size_t rank = 0; rank < children_.size(); ++rank) {
      Child& child = children_[rank];
      if (child.pid < 0 || excused(rank)) continue;
      int status = 0;
      if (::waitpid(child.pid, &status, WNOHANG) == 0) {
        waiting = since(began) < limit;
        continue;
      }
      child.pid = -1;
      Outcome& outcome = outcomes[rank];
      outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      outcome.seconds = since(marked_);
      std::array<char, 4096> bytes;
      for (ssize_t n = 0; (n = ::read(child.error, bytes.data(), bytes.size())) > 0;) {
        outcome.error.append(bytes.data(), static_cast<size_t>(n));
      }
    }
    if (waiting) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return outcomes;
}

}  // namespace headrace::comm
