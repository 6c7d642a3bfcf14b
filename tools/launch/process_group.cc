#include "tools/launch/process_group.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/error.h"

extern char** environ;

namespace headrace::tools {
namespace {

struct Pipe {
  int read = -1;
  int write = -1;
  Pipe() {
    int ends[2];
    require(pipe2(ends, O_CLOEXEC) == 0, ErrorCode::kIo, "cannot make a pipe: {}",
            std::strerror(errno));
    read = ends[0];
    write = ends[1];
  }
  ~Pipe() {
    if (read >= 0) close(read);
    if (write >= 0) close(write);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
};

// Pointers into `texts` for exec.
std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (const auto& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

std::vector<std::string> merged(const Environment& environment) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (!environment.contains(std::string(text.substr(0, text.find('='))))) all.emplace_back(text);
  }
  for (const auto& [name, value] : environment) all.push_back(name + "=" + value);
  return all;
}

}  // namespace

int Ending::exit_code() const {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

std::string Ending::describe() const {
  if (WIFSIGNALED(status)) {
    return fmt::format("was killed by signal {} ({})", WTERMSIG(status),
                       strsignal(WTERMSIG(status)));
  }
  return fmt::format("exited with status {}", WEXITSTATUS(status));
}

ProcessGroup::ProcessGroup(const Start& start) : name_(start.name) {
  const auto command = pointers(start.command);
  const auto variables = merged(start.environment);
  const auto environment = pointers(variables);
  Pipe output;
  Pipe error;
  Pipe input;
  Pipe failure;  // what exec() says; closed by a successful one
  const pid_t parent = getpid();
  id_ = fork();
  require(id_ >= 0, ErrorCode::kIo, "cannot start {}: {}", name_, std::strerror(errno));
  if (id_ == 0) {
    // Between fork and exec: system calls alone.
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(126);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    for (const int number : {SIGPIPE, SIGXFSZ}) std::signal(number, SIG_DFL);
    const int empty = start.input ? input.read : open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (dup2(empty, 0) >= 0 && dup2(output.write, 1) >= 0 && dup2(error.write, 2) >= 0 &&
        (start.folder.empty() || chdir(start.folder.c_str()) == 0)) {
      environ = const_cast<char**>(environment.data());
      execvp(command[0], command.data());
    }
    const int reason = errno;
    [[maybe_unused]] const ssize_t count = write(failure.write, &reason, sizeof reason);
    _exit(127);
  }
  setpgid(id_, id_);  // here too: whichever comes first
  close(std::exchange(failure.write, -1));
  int reason = 0;
  ssize_t count = 0;
  do {
    count = read(failure.read, &reason, sizeof reason);
  } while (count < 0 && errno == EINTR);
  if (count == sizeof reason) {
    waitpid(id_, nullptr, 0);
    fail(reason == ENOENT || reason == EACCES ? ErrorCode::kNotFound : ErrorCode::kIo,
         "cannot start {} as '{}'{}: {}", name_, start.command.front(),
         start.folder.empty() ? "" : fmt::format(" in '{}'", start.folder), std::strerror(reason));
  }
  output_ = std::exchange(output.read, -1);
  error_ = std::exchange(error.read, -1);
  if (start.input) input_ = std::exchange(input.write, -1);
  for (const int end : {output_, error_, input_}) {
    if (end >= 0) fcntl(end, F_SETFL, O_NONBLOCK);
  }
}

ProcessGroup::~ProcessGroup() {
  if (!ending_.ended) {
    signal(SIGKILL);
    while (waitpid(id_, &ending_.status, 0) < 0 && errno == EINTR) continue;
  }
  close_output(false);
  close_output(true);
  close_input();
}

void ProcessGroup::close_output(bool error) {
  int& end = error ? error_ : output_;
  if (end >= 0) close(std::exchange(end, -1));
}

void ProcessGroup::close_input() {
  if (input_ >= 0) close(std::exchange(input_, -1));
}

void ProcessGroup::signal(int number) const {
  if (!ending_.ended) kill(-id_, number);
}

const Ending& ProcessGroup::look() {
  if (ending_.ended) return ending_;
  siginfo_t info{};
  // Not reaped yet, so that its number, which is that of its group, is nobody else's.
  if (waitid(P_PID, static_cast<id_t>(id_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
      info.si_pid != id_) {
    return ending_;
  }
  kill(-id_, SIGKILL);
  waitpid(id_, &ending_.status, 0);
  ending_.ended = true;
  return ending_;
}

}  // namespace headrace::tools
