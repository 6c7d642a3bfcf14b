#pragma once

#include <exception>
#include <iostream>

namespace headrace::bench {

/// What a program's main() returns: what `run` does, or 1 with the error on stderr.
template <typename Run>
int guarded_main(Run run) {
  try {
    return run();
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}

}  // namespace headrace::bench
