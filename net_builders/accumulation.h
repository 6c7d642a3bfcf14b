#pragma once

namespace headrace {

class NetDef;
class PlanDef;

// Gradient accumulation: a worker takes its samples of an iteration in micro-batches, one after the
// other, adds up their gradients, and communicates and updates once. It does what as many workers
// would do side by side (Goyal et al., 2017, section 5.1, footnote 5), in the memory of two
// micro-batches: batch normalisation sees a micro-batch, all else is as with the whole batch.

/// NetRoles::phase of the net of all micro-batches but the last.
inline constexpr const char* kAccumulatePhase = "accumulate";

/// Where the nets of an iteration stand in its plan.
enum AccumulationNet : int {
  /// Runs micro_batches - 1 times: forward and backward; the gradients, and the shares of loss and
  /// accuracy, are added to their accumulators.
  kAccumulateNet = 0,
  /// Runs once, on the last micro-batch: the same, then all that a training net does with a
  /// gradient, on the sums. Empties the accumulators.
  kUpdateNet = 1,
};

/// Cuts the iteration of a training net of one worker into micro-batches. Samples per iteration,
/// and with them the learning rate, stay what they are; each micro-batch has
/// batch_size / micro_batches of them. The gradient of a parameter is the sum
/// ((g1 + g2) + ...) + gA over micro-batches in their order; `mean_<loss>` and `mean_<accuracy>`
/// are means over all. data_parallel() makes of each net that of one of several workers.
///
/// Throws kInvalidNet for a net that lacks the roles (parameters, gradients, losses, shapes of its
/// inputs), kState for one that is data-parallel or cut already, kInvalidArgument for less than two
/// micro-batches, or where they do not divide the batch.
PlanDef accumulate_gradients(const NetDef& train_net, int micro_batches);

/// The init net, which also makes the accumulators of an update net, all zero.
NetDef with_accumulators(const NetDef& init_net, const NetDef& update_net);

/// Both nets with the order in which they run: one iteration per run of the plan.
PlanDef accumulation_plan(const NetDef& accumulate_net, const NetDef& update_net);

/// Throws kInvalidNet for any other plan.
void require_accumulation(const PlanDef& plan);

}  // namespace headrace
