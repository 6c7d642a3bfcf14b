#pragma once

#include <functional>

namespace headrace::bench {

/// Runs this thread on core `index` of those that the process may use, counted round and round.
void pin(int index);

/// Runs rank(r) in a process of its own for each r in [0, ranks), pinned to a core. When one fails,
/// the others are ended. Returns 0, or what the first failure returned.
int run_processes(int ranks, const std::function<int(int rank)>& rank);

}  // namespace headrace::bench
