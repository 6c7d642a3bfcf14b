#pragma once

namespace headrace {

class NetDef;
class PlanDef;

// Data parallelism (Goyal et al., 2017, sections 2 to 4): k workers run the same net, each on its
// own part of the samples of an iteration, and add up their gradients. A transform of the nets that
// TrainStep makes; the results are those of one worker with all samples, but for batch
// normalisation, which stays within each worker.

/// The training net of one of `world` workers, from that of a single one. The same net for every
/// worker; its external input `common_world` is the handle of the ranks.
///
/// - Batches: `batch_size` samples per iteration remain, each worker takes batch_size / world.
/// - The loss, a mean over the samples of a worker, is scaled by 1 / world, so that what comes back
///   through it adds up to the mean over all; gradients themselves are not scaled (remark 3).
/// - An Allreduce per gradient of a parameter, where the last operator of the backward pass has
///   dealt with it. What follows (clipping, weight decay, momentum) sees the sum of all workers.
/// - `mean_<loss>` and `mean_<accuracy>` are means over all workers.
///
/// Throws kInvalidNet for a net that lacks the roles (parameters, gradients, losses), kState for
/// one that is data-parallel already, kInvalidArgument where `world` does not divide the batch.
NetDef data_parallel(const NetDef& train_net, int world);

/// The same for both nets of gradient accumulation (accumulation.h): a worker communicates once per
/// iteration, what its micro-batches add up to.
PlanDef data_parallel(const PlanDef& plan, int world);

/// Makes all workers begin alike: the init net, with a Broadcast of everything that it makes and
/// that is trained, counted or kept.
NetDef data_parallel_init(const NetDef& init_net, int world);

/// Means over workers of the running statistics of batch normalisation, for an evaluation that all
/// workers share: `<statistic>_mean` for each, which every worker gets; its own stay as they are.
/// Throws kInvalidArgument for a net without such statistics.
NetDef mean_statistics_net(const NetDef& data_parallel_net);

/// Throws kState unless the net is for so many workers (1: not data-parallel), with the command
/// that makes one that is.
void require_world(const NetDef& train_net, int world);

}  // namespace headrace
