// Says in words that this processor is too old for the instructions headrace was compiled to,
// before one of them ends the program without a word. HEADRACE_LEVEL is the level the build was
// asked for (x86-64-v2 to v4); builds for anything else know where they run, and have no check.
#ifdef HEADRACE_LEVEL
#include <cstdlib>
#include <string_view>

#include <unistd.h>

namespace {

// The first of this library's constructors, in a file that is itself compiled for every x86-64
// processor: the others may already use newer instructions.
[[gnu::constructor(101)]] void check_instruction_set() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports(HEADRACE_LEVEL)) return;
  constexpr std::string_view kMessage =
      "headrace: this build needs a processor of level " HEADRACE_LEVEL
      ", and this one is older; rebuild with -DHEADRACE_MARCH=x86-64\n";
  if (::write(STDERR_FILENO, kMessage.data(), kMessage.size()) < 0) std::abort();
  ::_exit(1);
}

}  // namespace
#endif
