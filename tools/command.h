#pragma once

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace headrace::tools {

/// What the process returns.
enum ExitCode : int {
  kOk = 0,
  kFailed = 1,   // an Error: bad input, a net that does not fit, a full disk
  kUsage = 2,    // the command line itself is wrong
  kStopped = 3,  // training was interrupted; its checkpoint is written and --resume goes on from it
};

/// Does the work of a sub-command once its flags are parsed. Throws Error; a flag whose value turns
/// out to make no sense is a CLI::ValidationError.
using Action = std::function<int()>;

/// Declares the flags of a sub-command and returns what to do with them.
using Setup = Action (*)(CLI::App& flags);

/// A static object of this type adds a sub-command:
///
///   Action setup(CLI::App& flags) {
///     auto options = std::make_shared<EmitOptions>();
///     flags.add_option("MODEL", options->model, "Name of the model")->required();
///     return [options] { return emit(*options); };
///   }
///   const RegisterCommand kEmit("emit", "Write the nets of a model", setup);
struct RegisterCommand {
  RegisterCommand(const char* name, const char* summary, Setup setup);
};

/// The whole command line. Catches everything, reports it on stderr, returns an ExitCode.
int run_command_line(int argc, char** argv);

}  // namespace headrace::tools
