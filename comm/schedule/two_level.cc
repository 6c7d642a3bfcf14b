#include <utility>

#include "comm/schedule/allreduce.h"
#include "comm/schedule/phases.h"
#include "core/error.h"

namespace headrace::comm {

Schedule two_level_allreduce(World world, size_t count, size_t segment, int ranks_per_host) {
  const Members ranks = everyone(world);
  require(ranks_per_host > 0 && world.size % ranks_per_host == 0, ErrorCode::kInvalidArgument,
          "two-level allreduce takes hosts of equal size: {} ranks per host do not divide {} ranks",
          ranks_per_host, world.size);
  const int index = ranks.member % ranks_per_host;
  const int host = ranks.member / ranks_per_host;
  const Members within{
      .first = host * ranks_per_host, .stride = 1, .size = ranks_per_host, .member = index};
  const Members between{.first = index,
                        .stride = ranks_per_host,
                        .size = world.size / ranks_per_host,
                        .member = host};
  const Range all{0, count};
  const Range mine = part(all, static_cast<size_t>(ranks_per_host), static_cast<size_t>(index));

  Rounds rounds(count, segment);
  ring_reduce_scatter(rounds, within, all);
  allreduce(rounds, between, mine);
  ring_allgather(rounds, within, all);
  return std::move(rounds).schedule();
}

}  // namespace headrace::comm
