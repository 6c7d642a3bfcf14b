#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "graph/reachability.h"

namespace headrace::graph {

/// One block of memory that is needed from the node that writes it first until all its users are
/// done. `users` includes every node that writes or reads it.
struct Lifetime {
  size_t bytes = 0;
  std::vector<int> users;  // node numbers, ascending; the first comes before all others
};

/// Places in one arena.
struct Placement {
  std::vector<size_t> offsets;  // of each lifetime, aligned to kAlignment
  size_t bytes = 0;             // size of the arena
  size_t total = 0;             // sum of all blocks: what no sharing at all would need
  /// The most that is alive at once when the nodes run in order: no plan for that order needs less.
  size_t serial_bound = 0;
};

/// True when every user of `a` is done before any user of `b` starts, in every order that the graph
/// allows.
bool is_before(const Lifetime& a, const Lifetime& b, const Reachability& order);

/// Largest first, each at the lowest offset where it overlaps nothing that may be alive with it.
/// Adds no dependencies.
Placement place(std::span<const Lifetime> lifetimes, const Reachability& order);

/// Throws kInternal naming two lifetimes that overlap in memory and may be alive together. Shares
/// no code with place().
void check_placement(std::span<const Lifetime> lifetimes, const Reachability& order,
                     const Placement& placement);

}  // namespace headrace::graph
