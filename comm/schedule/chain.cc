#include <utility>

#include "comm/schedule/collectives.h"
#include "comm/schedule/rounds.h"

namespace headrace::comm {
namespace {

/// Segment after segment comes from the previous rank of a chain, and in the round after goes on to
/// the next one. -1: there is none.
Schedule chain(size_t count, size_t segment, int previous, int next, Arrival arrival) {
  Rounds rounds(count, segment);
  const Range all{0, count};
  const size_t segments = rounds.messages(count);
  for (size_t i = 0; i <= segments; ++i) {
    if (next >= 0 && i > 0) rounds.send(next, part(all, segments, i - 1));
    if (previous >= 0 && i < segments) rounds.receive(previous, part(all, segments, i), arrival);
    rounds.next();
  }
  return std::move(rounds).schedule();
}

}  // namespace

Schedule chain_broadcast(World world, int root, size_t count, size_t segment) {
  const Members group = everyone_from(root, world);
  const bool first = group.member == 0;
  const bool last = group.member == group.size - 1;
  return chain(count, segment, first ? -1 : group.neighbour(-1), last ? -1 : group.neighbour(1),
               Arrival::kReplace);
}

Schedule chain_reduce(World world, int root, size_t count, size_t segment) {
  const Members group = everyone_from(root, world);
  const bool first = group.member == group.size - 1;
  const bool last = group.member == 0;
  return chain(count, segment, first ? -1 : group.neighbour(1), last ? -1 : group.neighbour(-1),
               Arrival::kReduce);
}

}  // namespace headrace::comm
