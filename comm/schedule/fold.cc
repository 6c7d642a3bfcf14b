#include <bit>
#include <utility>

#include "comm/schedule/allreduce.h"
#include "comm/schedule/phases.h"

namespace headrace::comm {

Members folded(const Members& group) {
  Members inside = group;
  inside.size = static_cast<int>(std::bit_floor(static_cast<unsigned>(group.size)));
  return inside;
}

void fold(Rounds& rounds, const Members& group, const Range& range) {
  const int inside = folded(group).size;
  const size_t messages = rounds.messages(range.count);
  if (group.member >= inside) {
    rounds.exchange(group.rank(group.member - inside), range, -1, {}, Arrival::kReduce, messages);
  } else if (group.member + inside < group.size) {
    rounds.exchange(-1, {}, group.rank(group.member + inside), range, Arrival::kReduce, messages);
  }
}

void unfold(Rounds& rounds, const Members& group, const Range& range) {
  const int inside = folded(group).size;
  const size_t messages = rounds.messages(range.count);
  if (group.member >= inside) {
    rounds.exchange(-1, {}, group.rank(group.member - inside), range, Arrival::kReplace, messages);
  } else if (group.member + inside < group.size) {
    rounds.exchange(group.rank(group.member + inside), range, -1, {}, Arrival::kReplace, messages);
  }
}

Schedule fold_allreduce(World world, size_t count, size_t segment) {
  const Members ranks = everyone(world);
  const Members inside = folded(ranks);
  const Range all{0, count};
  Rounds rounds(count, segment);
  fold(rounds, ranks, all);
  if (ranks.member < inside.size) {
    const auto parts = static_cast<size_t>(inside.size);
    halving(rounds, inside, all, parts, Partner::kNearest);
    doubling(rounds, inside, all, parts, Partner::kNearest);
  }
  unfold(rounds, ranks, all);
  return std::move(rounds).schedule();
}

}  // namespace headrace::comm
