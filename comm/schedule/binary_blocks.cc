#include <bit>
#include <utility>

#include "comm/schedule/allreduce.h"
#include "comm/schedule/phases.h"

namespace headrace::comm {
namespace {

/// Block sizes are the binary digits of the world, the largest first. `block` holds this rank; a
/// neighbour has size 0 where there is none.
struct Blocks {
  Members larger{.size = 0};
  Members block{.size = 0};
  Members smaller{.size = 0};
};

Blocks blocks_around(const Members& ranks) {
  Blocks found;
  Members before{.size = 0};
  int first = 0;
  for (int rest = ranks.size; rest > 0;) {
    const int size = static_cast<int>(std::bit_floor(static_cast<unsigned>(rest)));
    const Members block{.first = first, .stride = 1, .size = size, .member = ranks.member - first};
    if (found.block.size > 0) {
      found.smaller = block;
      break;
    }
    if (block.member >= 0 && block.member < size) {
      found.larger = before;
      found.block = block;
    }
    before = block;
    first += size;
    rest -= size;
  }
  return found;
}

}  // namespace

Schedule binary_blocks_allreduce(World world, size_t count, size_t segment) {
  const Members ranks = everyone(world);
  const auto [larger, block, smaller] = blocks_around(ranks);
  const Range all{0, count};
  const int largest = folded(ranks).size;
  const auto parts = static_cast<size_t>(largest);
  auto owned_by = [&](const Members& group, int member) {
    return owned(all, parts, group.size, member, Partner::kNearest);
  };
  // The member `m` of a block has its part in common with m + i * (its block's size) of the next
  // larger one: reversing bits puts equal low bits next to each other.
  Rounds rounds(count, segment);
  auto with_larger = [&](bool up) {
    for (int other = block.member; other < larger.size; other += block.size) {
      const Range shared = owned_by(larger, other);
      const int peer = larger.rank(other);
      rounds.exchange(up ? peer : -1, up ? shared : Range{}, up ? -1 : peer, up ? Range{} : shared,
                      Arrival::kReplace, rounds.messages(shared.count));
    }
  };
  auto with_smaller = [&](bool up) {
    if (smaller.size == 0) return;
    const Range shared = owned_by(block, block.member);
    const int peer = smaller.rank(block.member % smaller.size);
    rounds.exchange(up ? -1 : peer, up ? Range{} : shared, up ? peer : -1, up ? shared : Range{},
                    Arrival::kReduce, rounds.messages(shared.count));
  };

  halving(rounds, block, all, parts, Partner::kNearest);
  with_smaller(true);
  with_larger(true);
  with_larger(false);
  with_smaller(false);
  doubling(rounds, block, all, parts, Partner::kNearest);
  return std::move(rounds).schedule();
}

}  // namespace headrace::comm
