#include "tools/command.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string_view>
#include <system_error>

#include <CLI/CLI.hpp>
#include <spdlog/spdlog.h>

#include "core/text.h"
#include "tools/environment.h"
#include "tools/help.h"
#include "tools/log.h"

namespace headrace::tools {
namespace {

struct Command {
  const char* name;
  const char* summary;
  Setup setup;
};

std::vector<Command>& registered() {
  static std::vector<Command> commands;
  return commands;
}

constexpr const char* kAbout =
    "headrace runs, trains and inspects serialized operator graphs (Caffe2's NetDef).\n"
    "Data goes to stdout, messages to stderr.";
constexpr const char* kExitCodes =
    "Exit codes: 0 done, 1 failed, 2 wrong command line, 3 training stopped on request (its\n"
    "checkpoint is written). NO_COLOR switches colours off.\n"
    "'headrace COMMAND --help' lists the flags of a command.";

/// What was written to stdout must have arrived: a full disk is no success.
void flush_stdout() {
  errno = 0;
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    throw std::system_error(errno != 0 ? errno : EIO, std::generic_category(), "cannot write");
  }
}

/// Reports an error about stdout. Whoever read it may have had enough ('| head'): then the process
/// ends without a word, as it would have if main() did not ignore the signal.
void report_lost_output(const std::exception& error) {
  const auto* system = dynamic_cast<const std::system_error*>(&error);
  if (system != nullptr && system->code().value() == EPIPE) {
    std::signal(SIGPIPE, SIG_DFL);
    std::raise(SIGPIPE);
  }
  spdlog::error("standard output: {}", error.what());
}

/// Help goes to stdout and is no error; everything else about the command line is.
int report_usage(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) {
    return app.exit(error);
  }
  const auto chosen = app.get_subcommands();
  const std::string command = chosen.empty() ? "" : chosen.front()->get_name() + " ";
  spdlog::error("{}\n'headrace {}--help' lists what is possible", error.what(), command);
  return kUsage;
}

/// CLI11 only says that a sub-command is missing.
void check_command(int argc, char** argv) {
  const auto is_word = [](std::string_view word) { return !word.starts_with('-'); };
  const auto word = std::find_if(argv + 1, argv + argc, is_word);
  std::vector<std::string> names;
  for (const Command& command : registered()) names.emplace_back(command.name);
  if (word != argv + argc && std::ranges::find(names, *word) != names.end()) return;
  // Without any word it is --help or --version, or nothing at all.
  if (word == argv + argc) {
    if (argc > 1) return;
    throw CLI::ValidationError("a command is missing");
  }
  throw CLI::ValidationError(fmt::format("no command '{}'{}", *word, did_you_mean(*word, names)));
}

int parse_and_run(int argc, char** argv) {
  CLI::App app(kAbout, "headrace");
  app.formatter(help_formatter());  // before the sub-commands, which inherit it
  app.require_subcommand(1);
  app.fallthrough();
  app.set_version_flag("--version", version_text());
  bool quiet = false;
  bool verbose = false;
  auto* quiet_flag = app.add_flag("-q,--quiet", quiet, "Only warnings and errors on stderr");
  app.add_flag("-v,--verbose", verbose, "Also say what is being done, on stderr")
      ->excludes(quiet_flag);

  std::ranges::sort(registered(), {}, [](const Command& c) { return std::string_view(c.name); });
  Action chosen;
  for (const Command& command : registered()) {
    CLI::App* flags = app.add_subcommand(command.name, command.summary);
    flags->option_defaults()->always_capture_default();
    Action action = command.setup(*flags);
    flags->callback([&chosen, action = std::move(action)] { chosen = action; });
  }
  app.footer(kExitCodes);  // last, because sub-commands inherit it when they are made

  try {
    check_command(argc, argv);
    app.parse(argc, argv);
    set_up_log(quiet ? Verbosity::kQuiet : verbose ? Verbosity::kVerbose : Verbosity::kNormal);
    return chosen();
  } catch (const CLI::ParseError& error) {
    return report_usage(app, error);
  }
}

}  // namespace

RegisterCommand::RegisterCommand(const char* name, const char* summary, Setup setup) {
  registered().push_back({name, summary, setup});
}

int run_command_line(int argc, char** argv) {
  set_up_log(Verbosity::kNormal);
  try {
    const int code = parse_and_run(argc, argv);
    flush_stdout();
    return code;
  } catch (const std::exception& error) {
    // fmt::print() throws too, but does not know where it writes to.
    if (std::ferror(stdout) != 0) {
      report_lost_output(error);
    } else {
      spdlog::error("{}", error.what());
    }
  }
  return kFailed;
}

}  // namespace headrace::tools
