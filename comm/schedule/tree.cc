#include <algorithm>
#include <bit>
#include <utility>

#include "comm/schedule/collectives.h"
#include "comm/schedule/rounds.h"

namespace headrace::comm {
namespace {

int levels(int size) { return std::bit_width(static_cast<unsigned>(size - 1)); }

/// Level `level` of the binomial tree: whoever is less than 2^level members behind the root is
/// joined to the one 2^level further on.
void join(Rounds& rounds, const Members& group, int level, const Range& range, bool towards_root) {
  const int distance = 1 << level;
  const bool parent = group.member < distance;
  const int other = group.member + (parent ? distance : -distance);
  if (other < group.size && group.member < 2 * distance && range.count > 0) {
    if (parent == towards_root) {
      rounds.receive(group.rank(other), range, towards_root ? Arrival::kReduce : Arrival::kReplace);
    } else {
      rounds.send(group.rank(other), range);
    }
  }
  rounds.next();
}

}  // namespace

Schedule tree_broadcast(World world, int root, size_t count) {
  const Members group = everyone_from(root, world);
  Rounds rounds(count, std::max<size_t>(count, 1));
  for (int level = 0; level < levels(world.size); ++level) {
    join(rounds, group, level, {0, count}, false);
  }
  return std::move(rounds).schedule();
}

Schedule tree_reduce(World world, int root, size_t count) {
  const Members group = everyone_from(root, world);
  Rounds rounds(count, std::max<size_t>(count, 1));
  for (int level = levels(world.size) - 1; level >= 0; --level) {
    join(rounds, group, level, {0, count}, true);
  }
  return std::move(rounds).schedule();
}

}  // namespace headrace::comm
