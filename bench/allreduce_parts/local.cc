#include "bench/allreduce_parts/local.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <vector>

#include <fmt/format.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/error.h"

namespace headrace::bench {

void pin(int index) {
  cpu_set_t usable;
  CPU_ZERO(&usable);
  if (::sched_getaffinity(0, sizeof usable, &usable) != 0) return;
  int skip = index % CPU_COUNT(&usable);
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (!CPU_ISSET(core, &usable) || skip-- > 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    ::sched_setaffinity(0, sizeof one, &one);
    return;
  }
}

int run_processes(int ranks, const std::function<int(int rank)>& rank) {
  std::fflush(nullptr);
  std::vector<pid_t> children;
  for (int r = 0; r < ranks; ++r) {
    const pid_t child = ::fork();
    require(child >= 0, ErrorCode::kIo, "cannot start rank {}: {}", r, std::strerror(errno));
    if (child > 0) {
      children.push_back(child);
      continue;
    }
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin(r);
    int status = 1;
    try {
      status = rank(r);
    } catch (const std::exception& error) {
      fmt::print(stderr, "rank {}: {}\n", r, error.what());
    }
    std::fflush(nullptr);
    ::_exit(status);
  }
  int result = 0;
  for (size_t left = children.size(); left > 0; --left) {
    int status = 0;
    const pid_t ended = ::wait(&status);
    if (ended < 0) break;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
    if (result != 0) continue;
    result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    for (const pid_t child : children) {
      if (child != ended) ::kill(child, SIGTERM);
    }
  }
  return result;
}

}  // namespace headrace::bench
