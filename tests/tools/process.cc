#include "tests/tools/process.h"

#include <csignal>
#include <cstdlib>
#include <thread>

#include <fcntl.h>
#include <pty.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/paths.h"

namespace headrace::testing {
namespace {

using Clock = std::chrono::steady_clock;

/// In the child: becomes the command. Never returns.
[[noreturn]] void become(const std::vector<std::string>& args, const std::filesystem::path& folder,
                         const std::vector<std::string>& environment) {
  const std::string command = headrace_command();
  std::vector<char*> argv = {const_cast<char*>(command.c_str())};
  for (const std::string& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
  argv.push_back(nullptr);
  for (const std::string& variable : environment) putenv(const_cast<char*>(variable.c_str()));
  if (chdir(folder.c_str()) == 0) execv(command.c_str(), argv.data());
  _exit(126);
}

void redirect(const std::filesystem::path& path, int descriptor) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (file < 0 || dup2(file, descriptor) < 0) _exit(125);
}

}  // namespace

std::string headrace_command() { return (binary_dir() / "headrace").string(); }

Process::Process(const std::vector<std::string>& args, const std::filesystem::path& folder,
                 const std::vector<std::string>& environment) {
  write_file(output_ / "err", "");
  pid_ = fork();
  EXPECT_GE(pid_, 0);
  if (pid_ != 0) return;
  redirect(output_ / "out", STDOUT_FILENO);
  redirect(output_ / "err", STDERR_FILENO);
  become(args, folder, environment);
}

Process::~Process() {
  if (!running()) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, &status_, 0);
}

void Process::send(int signal) const { EXPECT_EQ(kill(pid_, signal), 0); }

bool Process::running() {
  struct rusage usage;
  if (pid_ > 0 && wait4(pid_, &status_, WNOHANG, &usage) == pid_) {
    pid_ = -1;
    peak_bytes_ = static_cast<size_t>(usage.ru_maxrss) << 10;
  }
  return pid_ > 0;
}

ProcessResult Process::wait(std::chrono::seconds deadline) {
  const auto end = Clock::now() + deadline;
  bool late = false;
  while (running()) {
    if (Clock::now() > end && !late) {
      late = true;
      kill(pid_, SIGKILL);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  ProcessResult result{.out = read_file(output_ / "out"),
                       .err = read_file(output_ / "err"),
                       .peak_bytes = peak_bytes_};
  if (WIFEXITED(status_)) result.exit_code = WEXITSTATUS(status_);
  if (WIFSIGNALED(status_)) result.signal = WTERMSIG(status_);
  EXPECT_FALSE(late) << "killed after " << deadline.count() << " s; it said:\n" << result.err;
  return result;
}

ProcessResult headrace(const std::vector<std::string>& args, const std::filesystem::path& folder) {
  return Process(args, folder).wait();
}

std::string headrace_on_terminal(const std::vector<std::string>& args,
                                 const std::vector<std::string>& environment) {
  winsize size{.ws_row = 24, .ws_col = 100, .ws_xpixel = 0, .ws_ypixel = 0};
  int terminal = -1;
  const pid_t pid = forkpty(&terminal, nullptr, nullptr, &size);
  EXPECT_GE(pid, 0);
  if (pid == 0) {
    alarm(60);  // survives exec and ends a command that hangs
    setenv("TERM", "xterm", 1);
    become(args, "/", environment);
  }
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = read(terminal, buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<size_t>(n));
  }
  close(terminal);
  int status = 0;
  waitpid(pid, &status, 0);
  EXPECT_FALSE(WIFSIGNALED(status)) << "ended by signal " << WTERMSIG(status);
  return text;
}

}  // namespace headrace::testing
