#pragma once

#include <chrono>
#include <thread>

namespace headrace::testing {

/// Waits until `done()`; false if it never is. The limit is there so that what is broken fails
/// instead of hanging, and far from any time that a thread takes to come on a loaded machine.
template <typename Condition>
bool eventually(Condition done) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(100);
  while (!done()) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(50));  // whom it waits for needs the CPU
  }
  return true;
}

}  // namespace headrace::testing
