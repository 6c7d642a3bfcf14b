#pragma once

namespace headrace::tools {

enum class Verbosity { kQuiet, kNormal, kVerbose };

/// Sends spdlog's default logger to stderr: warnings and errors with their level in front, in
/// colour on a terminal unless NO_COLOR is set; progress messages as they are.
void set_up_log(Verbosity verbosity);

/// Whether stderr is a terminal, so that lines may be redrawn, and whether they may be coloured.
bool stderr_is_terminal();
bool stderr_has_colour();

}  // namespace headrace::tools
