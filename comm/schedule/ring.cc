#include <utility>

#include "comm/schedule/allreduce.h"
#include "comm/schedule/collectives.h"
#include "comm/schedule/phases.h"

namespace headrace::comm {
namespace {

/// q - 1 steps of: send the part `offset` places behind one's own to the next member, receive the
/// part behind that from the previous one; then both move back by one.
void turn(Rounds& rounds, const Members& group, const Range& range, int offset, Arrival arrival) {
  const auto q = static_cast<size_t>(group.size);
  const size_t messages = rounds.messages(part(range, q, 0).count);
  auto behind = [&](int distance) {
    const int index = ((group.member - distance) % group.size + group.size) % group.size;
    return part(range, q, static_cast<size_t>(index));
  };
  for (int step = 0; step < group.size - 1; ++step) {
    rounds.exchange(group.neighbour(1), behind(step + offset), group.neighbour(-1),
                    behind(step + offset + 1), arrival, messages);
  }
}

}  // namespace

void ring_reduce_scatter(Rounds& rounds, const Members& group, const Range& range) {
  turn(rounds, group, range, 1, Arrival::kReduce);
}

void ring_allgather(Rounds& rounds, const Members& group, const Range& range) {
  turn(rounds, group, range, 0, Arrival::kReplace);
}

Schedule ring_allreduce(World world, size_t count, size_t segment) {
  const Members ranks = everyone(world);
  Rounds rounds(count, segment);
  ring_reduce_scatter(rounds, ranks, {0, count});
  ring_allgather(rounds, ranks, {0, count});
  return std::move(rounds).schedule();
}

Schedule ring_reduce_scatter(World world, size_t count, size_t segment) {
  Rounds rounds(count, segment);
  ring_reduce_scatter(rounds, everyone(world), {0, count});
  return std::move(rounds).schedule();
}

Schedule ring_allgather(World world, size_t count, size_t segment) {
  Rounds rounds(count, segment);
  ring_allgather(rounds, everyone(world), {0, count});
  return std::move(rounds).schedule();
}

}  // namespace headrace::comm
