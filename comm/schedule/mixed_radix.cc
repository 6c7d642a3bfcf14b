#include <utility>
#include <vector>

#include "comm/schedule/allreduce.h"
#include "comm/schedule/phases.h"

namespace headrace::comm {
namespace {

/// A level: the ranks that differ in one digit of their number, and what they have between them.
struct Level {
  Members group;
  Range range;
};

}  // namespace

std::vector<int> radices(int size) {
  std::vector<int> factors;
  for (int factor = 2; factor * factor <= size; ++factor) {
    for (; size % factor == 0; size /= factor) factors.push_back(factor);
  }
  if (size > 1) factors.push_back(size);
  return factors;
}

Schedule mixed_radix_allreduce(World world, size_t count, size_t segment) {
  const Members ranks = everyone(world);
  std::vector<Level> levels;
  Range range{0, count};
  int stride = 1;
  for (const int radix : radices(world.size)) {
    const int digit = ranks.member / stride % radix;
    levels.push_back(
        {{.first = ranks.member - digit * stride, .stride = stride, .size = radix, .member = digit},
         range});
    range = part(range, static_cast<size_t>(radix), static_cast<size_t>(digit));
    stride *= radix;
  }

  Rounds rounds(count, segment);
  for (const Level& level : levels) ring_reduce_scatter(rounds, level.group, level.range);
  for (size_t i = levels.size(); i-- > 0;) {
    ring_allgather(rounds, levels[i].group, levels[i].range);
  }
  return std::move(rounds).schedule();
}

}  // namespace headrace::comm
