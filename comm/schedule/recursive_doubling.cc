#include <algorithm>
#include <utility>

#include "comm/schedule/allreduce.h"
#include "comm/schedule/phases.h"

namespace headrace::comm {

Schedule recursive_doubling_allreduce(World world, size_t count) {
  const Members ranks = everyone(world);
  const Members inside = folded(ranks);
  const Range all{0, count};
  Rounds rounds(count, std::max<size_t>(count, 1));
  fold(rounds, ranks, all);
  if (ranks.member < inside.size) {
    for (int bit = 1; bit < inside.size; bit *= 2) {
      const int partner = inside.member ^ bit;
      // Both compute lower op upper, so that they agree bit for bit.
      const Arrival arrival = partner < inside.member ? Arrival::kReduceFirst : Arrival::kReduce;
      rounds.exchange(inside.rank(partner), all, inside.rank(partner), all, arrival,
                      rounds.messages(count));
    }
  }
  unfold(rounds, ranks, all);
  return std::move(rounds).schedule();
}

}  // namespace headrace::comm
