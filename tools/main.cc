#include <csignal>

#include "tools/command.h"

int main(int argc, char** argv) {
  // A write that fails becomes an error with a message; these signals would end the process first.
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
  return headrace::tools::run_command_line(argc, argv);
}
