#pragma once

#include "comm/schedule/rounds.h"

/// The parts that collectives are made of. Each appends what one member of a group does to its
/// Rounds. n is range.count, q group.size; a step is one exchange of messages of any length.
namespace headrace::comm {

/// Each member ends with the sum of part(range, q, member). q - 1 steps, n (q - 1) / q elements
/// sent and as many received.
void ring_reduce_scatter(Rounds& rounds, const Members& group, const Range& range);

/// The reverse: each member starts with part(range, q, member) and ends with all.
void ring_allgather(Rounds& rounds, const Members& group, const Range& range);

/// With whom recursive halving begins. kNearest sends the longest messages over the shortest way,
/// and a member owns the part whose index has the member's bits reversed. kFarthest leaves part i
/// with member i.
enum class Partner { kNearest, kFarthest };

/// The part that `member` of a group of `size`, a power of two, owns between halving and doubling,
/// where `range` is cut into `parts` >= size (also a power of two).
Range owned(const Range& range, size_t parts, int size, int member, Partner first);

/// Reduce-scatter by recursive halving: each member ends with the sum of its owned() part. q is a
/// power of two; lg q steps, n (q - 1) / q elements sent and received. `parts`, q or a larger power
/// of two, is the grid on which halves are cut.
void halving(Rounds& rounds, const Members& group, const Range& range, size_t parts, Partner first);

/// Allgather by recursive doubling, the reverse of halving().
void doubling(Rounds& rounds, const Members& group, const Range& range, size_t parts,
              Partner first);

/// Allreduce: halving and doubling if q is a power of two, else the ring.
void allreduce(Rounds& rounds, const Members& group, const Range& range);

/// The first power of two of members, of which this is one if its index is below their number.
Members folded(const Members& group);

/// Each member outside folded() gives all its elements to one inside.
void fold(Rounds& rounds, const Members& group, const Range& range);

/// The reverse, with the result.
void unfold(Rounds& rounds, const Members& group, const Range& range);

}  // namespace headrace::comm
