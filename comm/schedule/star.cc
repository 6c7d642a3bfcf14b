#include <algorithm>
#include <utility>

#include "comm/schedule/allreduce.h"
#include "comm/schedule/rounds.h"

namespace headrace::comm {

Schedule star_allreduce(World world, size_t count) {
  const Members ranks = everyone(world);
  const Range all{0, count};
  Rounds rounds(count, std::max<size_t>(count, 1));
  for (const bool inwards : {true, false}) {
    const Arrival arrival = inwards ? Arrival::kReduce : Arrival::kReplace;
    for (int outer = 1; outer < ranks.size; ++outer) {
      if (ranks.member != 0 && ranks.member != outer) continue;
      const int other = ranks.member == 0 ? outer : 0;
      const bool sends = (ranks.member == outer) == inwards;
      rounds.exchange(sends ? other : -1, sends ? all : Range{}, sends ? -1 : other,
                      sends ? Range{} : all, arrival, rounds.messages(count));
    }
  }
  return std::move(rounds).schedule();
}

}  // namespace headrace::comm
