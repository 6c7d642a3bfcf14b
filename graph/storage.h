#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "graph/memory.h"
#include "graph/passes.h"
#include "graph/reachability.h"

namespace headrace::graph {

/// Where the elements of a value stand during a run.
enum class Storage : uint8_t {
  kNone,     // nobody reads it
  kArena,    // at an offset of one of the run's arenas
  kInput,    // in the buffer of a workspace slot: inputs, and all versions of a state
  kOutput,   // in a buffer of its own, handed to the workspace slot at the end of the run
  kDynamic,  // shape known only during the run: from the run's pool
  kHandle,   // a blob, not a tensor
};

struct Place {
  Storage storage = Storage::kNone;
  int arena = 0;      // kArena: StoragePlan::arenas
  size_t offset = 0;  // kArena
  int index = kNone;  // kInput, kHandle from outside: Interface::inputs; kOutput and others: kNone
  ValueId root = kNone;  // the value whose storage this one shares (itself when it has its own)
};

/// The memory of a plan on one device.
struct Arena {
  Device device;
  Placement placement;
  std::vector<Lifetime> lifetimes;  // what was placed, for the checker and for reports
  std::vector<std::string> names;   // of the lifetimes
};

/// Where the scratch memory of an operator is.
struct ScratchPlace {
  int arena = 0;
  size_t offset = 0;
};

/// The memory of a plan. Values share storage along in-place operators and views where every other
/// reader is done before, and blocks share addresses where their lifetimes exclude each other.
struct StoragePlan {
  std::vector<Place> places;          // per value
  std::vector<ScratchPlace> scratch;  // per operator
  std::vector<Arena> arenas;          // as the devices of the graph: the CPU's first
  /// Where buckets of gradients are, in the CPU's arena. The tensors of a bucket are neighbours,
  /// the gaps between them zero. The place within the segment depends on their shapes alone, so it
  /// is the same for all ranks. It lives for the whole run.
  size_t bucket_offset = 0;
  size_t bucket_bytes = 0;

  /// Of all arenas together.
  size_t arena_bytes() const {
    size_t bytes = 0;
    for (const Arena& arena : arenas) bytes += arena.placement.bytes;
    return bytes;
  }
};

StoragePlan plan_storage(const Graph& graph, const Interface& interface, const Reachability& order,
                         const std::vector<size_t>& scratch_bytes);

}  // namespace headrace::graph
