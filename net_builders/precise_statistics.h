#pragma once

namespace headrace {

class NetDef;

// Batch normalisation predicts with moving averages over the last batches of training, while the
// parameters were still changing. Before an evaluation they can be replaced by plain means over
// batches that all see the final parameters (Goyal et al., figure 4):
//
//   run(statistics_reset_net(train));
//   for (batches) { feed a batch; run(statistics_net(train, batches)); }
//
// Afterwards every running mean and variance is the mean, over those batches, of the mean and of
// the unbiased variance of the batch: what the moving average estimates. No parameter changes.

/// Sets running statistics, and what the other net needs besides, to their start.
NetDef statistics_reset_net(const NetDef& train_net);

/// The forward operators of a training net down to its last normalisation; adds 1 / batches of the
/// statistics of one batch. Throws kInvalidArgument for nets that normalise by no batch.
NetDef statistics_net(const NetDef& train_net, int batches);

}  // namespace headrace
