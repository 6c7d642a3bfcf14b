#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "graph/collectives.h"
#include "graph/graph.h"
#include "graph/passes.h"

namespace headrace::graph {

/// How gradients are gathered into buckets. Sizes are where a bucket is closed: a long tensor makes
/// it longer.
struct BucketOptions {
  size_t bytes = size_t{8} << 20;  // 0: no buckets, each tensor on its own
  size_t first = size_t{1} << 20;  // of the first bucket
  size_t last = size_t{1} << 20;   // at most, of the last bucket

  bool operator==(const BucketOptions&) const = default;
};

/// The plan operator that sums the tensors of a bucket: a common world, then the tensors, all of
/// one type; outputs in place of them.
inline constexpr std::string_view kBucketType = "AllreduceBucket";

/// Ends the name of a value that is copied into a bucket or out of it.
inline constexpr std::string_view kBucketSuffix = "~bucket";

/// Replaces Allreduce operators of one group by one per bucket. The tensors of a bucket are
/// neighbours in memory (plan_storage), so that nothing is copied, but for those that somebody else
/// has a claim on: inputs, state, outputs of the net, and what is read by operators that need not
/// have run yet. Those are copied in or out by Reorder operators.
void form_buckets(Graph& graph, const Interface& interface, const Worlds& worlds,
                  const BucketOptions& options);

/// Where the tensors of a bucket stand in it. Depends on their shapes alone.
struct BucketLayout {
  std::vector<size_t> offsets;
  size_t bytes = 0;
};
BucketLayout bucket_layout(const Graph& graph, const Op& op);

}  // namespace headrace::graph
