#include "tools/launch/supervisor.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/error.h"
#include "tools/launch/line_prefixer.h"

namespace headrace::tools {
namespace {

constexpr int kForwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : kForwarded) sigaddset(&set, number);
  sigaddset(&set, SIGCHLD);
  return set;
}

// Ranks tell each other why they fail, in less than a tenth of this.
constexpr auto kHeadStart = std::chrono::milliseconds(500);

std::vector<pid_t> children() {
  std::ifstream file(fmt::format("/proc/self/task/{}/children", gettid()));
  std::vector<pid_t> all;
  for (pid_t child = 0; file >> child;) all.push_back(child);
  return all;
}

bool asks_to_stop(int number) { return number != SIGUSR1 && number != SIGUSR2; }

}  // namespace

SignalInbox::SignalInbox() {
  const sigset_t set = watched_signals();
  sigprocmask(SIG_BLOCK, &set, nullptr);
  descriptor_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  require(descriptor_ >= 0, ErrorCode::kIo, "signalfd: {}", std::strerror(errno));
  prctl(PR_SET_CHILD_SUBREAPER, 1);
}

SignalInbox::~SignalInbox() {
  close(descriptor_);
  prctl(PR_SET_CHILD_SUBREAPER, 0);
  const sigset_t set = watched_signals();
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

int SignalInbox::next() {
  signalfd_siginfo info{};
  while (read(descriptor_, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo != SIGCHLD) return static_cast<int>(info.ssi_signo);
  }
  return 0;
}

struct Supervisor::Running {
  explicit Running(const Member& member)
      : group(member.start),
        input(member.input),
        output{LinePrefixer(stdout, member.prefix), LinePrefixer(stderr, member.prefix)} {}

  ProcessGroup group;
  std::string input;  // not yet written
  LinePrefixer output[2];
};

Supervisor::Supervisor(SignalInbox& signals, const Options& options)
    : signals_(signals), options_(options), inherited_(children()) {}

Supervisor::~Supervisor() = default;

int Supervisor::run(const std::vector<Member>& members) {
  running_.clear();
  first_failure_ = 0;
  stopping_ = false;
  ask_at_ = kill_at_ = Clock::time_point::max();
  // If one cannot be started, the others end with `running_`.
  for (const Member& member : members) running_.push_back(std::make_unique<Running>(member));

  for (;;) {
    if (look_at_all()) break;
    std::vector<pollfd> entries = {{.fd = signals_.descriptor(), .events = POLLIN}};
    if (options_.has_owner && !owner_gone_) entries.push_back({.fd = 0, .events = POLLIN});
    const size_t first = entries.size();
    for (const auto& one : running_) {
      entries.push_back({.fd = one->group.output(false), .events = POLLIN});
      entries.push_back({.fd = one->group.output(true), .events = POLLIN});
      entries.push_back({.fd = one->input.empty() ? -1 : one->group.input(), .events = POLLOUT});
    }
    int wait = -1;
    if (const auto next = std::min(ask_at_, kill_at_); next != Clock::time_point::max()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now());
      wait = static_cast<int>(std::max<int64_t>(0, left.count()));
    }
    if (poll(entries.data(), entries.size(), wait) < 0 && errno != EINTR) {
      fail(ErrorCode::kIo, "poll: {}", std::strerror(errno));
    }
    for (int number = signals_.next(); number != 0; number = signals_.next()) pass_on(number);
    if (first == 2 && entries[1].revents != 0) read_owner();
    for (size_t i = 0; i < running_.size(); ++i) {
      if (entries[first + 3 * i].revents != 0) read_output(*running_[i], false);
      if (entries[first + 3 * i + 1].revents != 0) read_output(*running_[i], true);
      if (entries[first + 3 * i + 2].revents != 0) write_input(*running_[i]);
    }
    if (Clock::now() >= ask_at_) stop_all(SIGTERM);
    if (Clock::now() >= kill_at_) {
      spdlog::warn("not all have ended {} s after they were asked to: killing them",
                   options_.grace);
      stop_all(SIGKILL);
    }
  }
  running_.clear();
  kill_orphans();
  return first_failure_;
}

// A signal to us is one to all. A second request to stop is an order.
void Supervisor::pass_on(int number) {
  const bool order = asks_to_stop(number) && interrupted_;
  interrupted_ |= asks_to_stop(number);
  for (const auto& one : running_) {
    // An agent is told in words: its ssh would pass no signal on.
    if (one->group.input() >= 0 && !order) {
      one->input += fmt::format("signal {}\n", number);
      write_input(*one);
    } else {
      one->group.signal(order ? SIGKILL : number);
    }
  }
  if (order) stop_all(SIGKILL);
}

void Supervisor::stop_all(int number) {
  stopping_ = true;
  ask_at_ = Clock::time_point::max();
  double grace = options_.grace;
  for (const auto& one : running_) {
    one->input.clear();
    // An agent whose input ends stops its ranks, with a grace time of its own.
    if (one->group.input() >= 0 && number != SIGKILL) {
      one->group.close_input();
      grace = options_.grace + 1;
    } else {
      one->group.signal(number);
    }
  }
  kill_at_ = number == SIGKILL ? Clock::time_point::max()
                               : Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                                    std::chrono::duration<double>(grace));
}

void Supervisor::read_owner() {
  char block[512];
  const ssize_t count = read(0, block, sizeof block);
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (count <= 0) {
    owner_gone_ = true;
    interrupted_ = true;
    if (!stopping_) stop_all(SIGTERM);
    return;
  }
  owner_input_.append(block, static_cast<size_t>(count));
  for (size_t end = 0; (end = owner_input_.find('\n')) != owner_input_.npos;) {
    constexpr std::string_view kWord = "signal ";
    int number = 0;
    std::from_chars(owner_input_.data() + std::min(end, kWord.size()), owner_input_.data() + end,
                    number);
    const bool known = owner_input_.starts_with(kWord) &&
                       std::ranges::find(kForwarded, number) != std::end(kForwarded);
    if (known) {
      pass_on(number);
    } else {
      spdlog::warn("standard input says '{}'; an agent knows 'signal N' only",
                   owner_input_.substr(0, end));
    }
    owner_input_.erase(0, end + 1);
  }
}

void Supervisor::read_output(Running& one, bool error) {
  char block[1 << 16];
  const ssize_t count = read(one.group.output(error), block, sizeof block);
  if (count > 0) {
    one.output[error].write({block, static_cast<size_t>(count)});
  } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
    one.output[error].finish();
    one.group.close_output(error);
  }
}

void Supervisor::write_input(Running& one) {
  if (one.group.input() < 0) return;
  const ssize_t count = write(one.group.input(), one.input.data(), one.input.size());
  if (count > 0) {
    one.input.erase(0, static_cast<size_t>(count));
  } else if (errno != EAGAIN && errno != EINTR) {
    one.input.clear();  // it has ended; its status says why
    one.group.close_input();
  }
}

// True when all have ended and said all they had to say.
bool Supervisor::look_at_all() {
  bool done = true;
  for (const auto& one : running_) {
    const bool knew = one->group.ending().ended;
    const Ending& ending = one->group.look();
    if (ending.ended && !knew) {
      // Nobody who might write is left, so what the pipes hold is all.
      for (const bool error : {false, true}) {
        while (one->group.output(error) >= 0) {
          pollfd entry{.fd = one->group.output(error), .events = POLLIN, .revents = 0};
          if (poll(&entry, 1, 0) <= 0) {
            one->output[error].finish();
            one->group.close_output(error);
          } else {
            read_output(*one, error);
          }
        }
      }
      if (ending.failed() && first_failure_ == 0) {
        first_failure_ = ending.exit_code();
        // Those who were asked to end are on their way; a second signal would hurry them.
        const bool others = !interrupted_ && !stopping_ && running_.size() > 1;
        spdlog::error("{} {}{}", one->group.name(), ending.describe(),
                      others ? "; stopping the others" : "");
        if (others) ask_at_ = Clock::now() + kHeadStart;
      }
    }
    done &= ending.ended;
  }
  return done;
}

// What left its process group and lost its parent is our child now.
void Supervisor::kill_orphans() {
  for (;;) {
    bool any = false;
    for (const pid_t child : children()) {
      // Nobody waits for these, so that their numbers stay theirs.
      if (std::ranges::find(inherited_, child) != inherited_.end()) continue;
      any = true;
      kill(child, SIGKILL);
      waitpid(child, nullptr, 0);
    }
    if (!any) return;
  }
}

}  // namespace headrace::tools
