#pragma once

#include <vector>

#include "comm/schedule/schedule.h"

namespace headrace::comm {

/// Allreduce of `count` elements in place, in messages of at most `segment` elements: every rank
/// ends with the same bits, whatever the operation. Each element is reduced once with every rank's,
/// in an order that depends on these arguments alone. Scratch: two messages.
///
/// In the table b is `count`, p the world, q its largest power of two; a step is one exchange of
/// messages of any length.
///
///   algorithm          steps                      elements sent per rank, at most
///   ring               2 (p - 1)                  2 b (p - 1) / p
///   halving-doubling   2 lg p     (p = q only)    2 b (p - 1) / p
///   fold               2 lg q + 2                 2 b (q - 1) / q + b
///   binary blocks      2 lg q + borders           2 b (q - 1) / q + 2 b / (size of its block)
///   mixed radix        2 sum (f - 1)              2 b (p - 1) / p
///   pairwise           2 (p - 1)                  2 b (p - 1) / p
///   two-level          2 (g - 1) + inner(p / g)   2 b (p - 1) / p
///   recursive doubling lg q + 2 (lg p if p = q)   b (lg q + 1)
///   star               2 (p - 1)                  b (p - 1) by rank 0, b by the others
///
/// Throws kInvalidArgument for a world, segment or size of host that makes no sense.

/// Parts travel round the ring of ranks, twice (Patarasuk and Yuan, 2009).
Schedule ring_allreduce(World world, size_t count, size_t segment);

/// Recursive vector halving with distance doubling, then back (Rabenseifner, 2004). p a power of
/// two.
Schedule halving_doubling_allreduce(World world, size_t count, size_t segment);

/// The ranks from q on give their elements to the first ones, which do halving-doubling, and get
/// the result back.
Schedule fold_allreduce(World world, size_t count, size_t segment);

/// Blocks of decreasing powers of two, one per binary digit of p, each reduce-scattered by halving;
/// parts then travel from the smallest block to the largest and back.
Schedule binary_blocks_allreduce(World world, size_t count, size_t segment);

/// The prime factors f of `size`, the smallest first: the digits of a rank's number.
std::vector<int> radices(int size);

/// One level per prime factor f of p: the ranks that differ in that digit alone form a ring and
/// reduce-scatter what they have in common; then back. For 6, 12, 24, 48 few steps without the
/// extra bytes of folding. A power of two: halving-doubling; a prime number: the ring.
Schedule mixed_radix_allreduce(World world, size_t count, size_t segment);

/// Every rank gives every other one that rank's part, which is reduced there, and then its own to
/// all. As many messages as the ring, but no rank waits for what another makes of a third one's:
/// ranks that share cores need few turns, and a part stays in the cache while it is reduced.
Schedule pairwise_allreduce(World world, size_t count, size_t segment);

/// Ranks [i g, (i + 1) g) share host i, g = `ranks_per_host`, which divides p. Reduce-scatter
/// within the host, allreduce between the ranks with one index within their hosts
/// (halving-doubling, or the ring if p / g is no power of two), allgather within the host. Between
/// hosts a rank moves only 2 b / g (h - 1) / h elements, h = p / g.
Schedule two_level_allreduce(World world, size_t count, size_t segment, int ranks_per_host);

/// All elements at once with a partner per step: the fewest steps, for few elements. Each message
/// is whole; scratch is up to 2 b.
Schedule recursive_doubling_allreduce(World world, size_t count);

/// Rank 0 reduces what all others send it, and sends the result to each. Its steps need nobody's
/// turn: where ranks share cores, each of them has to run only once or twice. Each message is
/// whole; scratch is up to 2 b.
Schedule star_allreduce(World world, size_t count);

}  // namespace headrace::comm
