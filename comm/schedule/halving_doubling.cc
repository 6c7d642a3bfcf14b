#include <bit>
#include <utility>

#include "comm/schedule/allreduce.h"
#include "comm/schedule/collectives.h"
#include "comm/schedule/phases.h"
#include "core/error.h"

namespace headrace::comm {
namespace {

/// The way of one member down from the whole range to the parts it owns, one level per phase.
struct Descent {
  Range range;
  size_t parts;
  int size;
  int member;
  Partner first;

  int levels() const { return std::countr_zero(static_cast<unsigned>(size)); }
  /// The bit in which this member and its partner of a phase differ.
  int bit(int level) const { return first == Partner::kNearest ? 1 << level : size >> (level + 1); }

  Range elements(size_t begin, size_t end) const {
    const size_t from = part(range, parts, begin).begin;
    return {from, part(range, parts, end - 1).end() - from};
  }

  /// What this member holds before phase `level`; `other` is the half its partner of the phase
  /// before keeps.
  Range kept(int level, bool other = false) const {
    size_t begin = 0;
    size_t width = parts;
    for (int i = 0; i < level; ++i) {
      width /= 2;
      const bool upper = (member & bit(i)) != 0;
      if (upper != (other && i == level - 1)) begin += width;
    }
    return elements(begin, begin + width);
  }

  /// Elements of the longest half that any member sends in a phase: earlier parts are longer.
  size_t longest(int level) const { return elements(0, parts >> (level + 1)).count; }
};

Descent descent(const Members& group, const Range& range, size_t parts, Partner first) {
  require(std::has_single_bit(static_cast<unsigned>(group.size)), ErrorCode::kInvalidArgument,
          "recursive halving and doubling are for a power of two of ranks, not {}", group.size);
  return {range, parts, group.size, group.member, first};
}

}  // namespace

Range owned(const Range& range, size_t parts, int size, int member, Partner first) {
  const Descent descent{range, parts, size, member, first};
  return descent.kept(descent.levels());
}

void halving(Rounds& rounds, const Members& group, const Range& range, size_t parts,
             Partner first) {
  const Descent way = descent(group, range, parts, first);
  for (int level = 0; level < way.levels(); ++level) {
    const int partner = group.rank(group.member ^ way.bit(level));
    // What is sent in the next phase arrives first. The partner wants the same order: it differs in
    // this phase's bit only.
    const bool sends_upper_next =
        level + 1 < way.levels() && (group.member & way.bit(level + 1)) == 0;
    rounds.exchange(partner, way.kept(level + 1, true), partner, way.kept(level + 1),
                    Arrival::kReduce, rounds.messages(way.longest(level)), sends_upper_next);
  }
}

void doubling(Rounds& rounds, const Members& group, const Range& range, size_t parts,
              Partner first) {
  const Descent way = descent(group, range, parts, first);
  for (int level = way.levels() - 1; level >= 0; --level) {
    const int partner = group.rank(group.member ^ way.bit(level));
    rounds.exchange(partner, way.kept(level + 1), partner, way.kept(level + 1, true),
                    Arrival::kReplace, rounds.messages(way.longest(level)));
  }
}

void allreduce(Rounds& rounds, const Members& group, const Range& range) {
  const auto q = static_cast<size_t>(group.size);
  if (std::has_single_bit(q)) {
    halving(rounds, group, range, q, Partner::kNearest);
    doubling(rounds, group, range, q, Partner::kNearest);
  } else {
    ring_reduce_scatter(rounds, group, range);
    ring_allgather(rounds, group, range);
  }
}

Schedule halving_doubling_allreduce(World world, size_t count, size_t segment) {
  const Members ranks = everyone(world);
  const auto parts = static_cast<size_t>(ranks.size);
  Rounds rounds(count, segment);
  halving(rounds, ranks, {0, count}, parts, Partner::kNearest);
  doubling(rounds, ranks, {0, count}, parts, Partner::kNearest);
  return std::move(rounds).schedule();
}

Schedule halving_reduce_scatter(World world, size_t count, size_t segment) {
  const Members ranks = everyone(world);
  Rounds rounds(count, segment);
  halving(rounds, ranks, {0, count}, static_cast<size_t>(ranks.size), Partner::kFarthest);
  return std::move(rounds).schedule();
}

Schedule doubling_allgather(World world, size_t count, size_t segment) {
  const Members ranks = everyone(world);
  Rounds rounds(count, segment);
  doubling(rounds, ranks, {0, count}, static_cast<size_t>(ranks.size), Partner::kFarthest);
  return std::move(rounds).schedule();
}

}  // namespace headrace::comm
