#pragma once

#include "comm/schedule/schedule.h"

/// Collectives other than allreduce. `count` is the length of the whole vector, p the world; rank
/// i's part of it is part({0, count}, p, i). Everything happens in place, in messages of at most
/// `segment` elements. b is `count`; a step is one exchange of messages of any length. A world,
/// root or segment that makes no sense throws kInvalidArgument.
namespace headrace::comm {

/// Each rank ends with the sum of its part; the rest of its vector holds partial sums. Ring: p - 1
/// steps, b (p - 1) / p elements sent per rank.
Schedule ring_reduce_scatter(World world, size_t count, size_t segment);

/// The same by recursive halving in lg p steps; p a power of two.
Schedule halving_reduce_scatter(World world, size_t count, size_t segment);

/// Each rank starts with its part and ends with all. Ring: p - 1 steps, b (p - 1) / p elements.
Schedule ring_allgather(World world, size_t count, size_t segment);

/// The same by recursive doubling in lg p steps; p a power of two.
Schedule doubling_allgather(World world, size_t count, size_t segment);

/// All ranks end with the root's vector. Binomial tree: ceil(lg p) steps of whole vectors, for few
/// elements.
Schedule tree_broadcast(World world, int root, size_t count);

/// The same along a chain of ranks, segment by segment: p - 2 + b / segment steps, each rank sends
/// at most b elements. For many.
Schedule chain_broadcast(World world, int root, size_t count, size_t segment);

/// The root ends with the sum of all vectors; the vectors of others hold partial sums. Binomial
/// tree.
Schedule tree_reduce(World world, int root, size_t count);

/// The same along a chain.
Schedule chain_reduce(World world, int root, size_t count, size_t segment);

/// The root ends with every rank's part, sent to it directly: it receives b (p - 1) / p elements,
/// which no algorithm betters.
Schedule gather(World world, int root, size_t count, size_t segment);

/// Each rank ends with its part of the root's vector, sent by it directly.
Schedule scatter(World world, int root, size_t count, size_t segment);

/// Part i of rank j's input becomes part j of rank i's data, `block` elements each: p - 1 steps, in
/// each of which a rank sends to one other and receives from one other.
Schedule all_to_all(World world, size_t block, size_t segment);

/// Returns when every rank has entered: ceil(lg p) messages without elements from each
/// (dissemination; Hensgen, Finkel and Manber, 1988).
Schedule barrier(World world);

}  // namespace headrace::comm
