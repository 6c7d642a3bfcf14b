#include "net_builders/precise_statistics.h"

#include <algorithm>
#include <string>
#include <vector>

#include "core/args.h"
#include "core/error.h"
#include "core/gradient_context.h"
#include "core/net_roles.h"
#include "core/proto/net.pb.h"
#include "core/registry.h"
#include "net_builders/net_edit.h"
#include "net_builders/op_arg.h"
#include "net_builders/prune.h"

namespace headrace {
namespace {

constexpr const char* kOne = "statistics_one";
constexpr int kMean = 3;  // inputs of SpatialBN; its outputs 1 and 2 are the same blobs
constexpr int kVariance = 4;

bool normalises_by_batch(const OperatorDef& op) {
  return op.type() == "SpatialBN" && op.output_size() >= 3 &&
         !Args(get_schema("SpatialBN"), op).flag("is_test");
}

std::string of_batch(const std::string& statistic) { return statistic + "_of_batch"; }

/// Running means and variances of a training net.
std::vector<std::string> statistics_of(const NetDef& train_net) {
  std::vector<std::string> blobs;
  for (const OperatorDef& op : train_net.op()) {
    if (!normalises_by_batch(op)) continue;
    for (int i : {kMean, kVariance}) {
      require(std::ranges::find(blobs, op.input(i)) == blobs.end(), ErrorCode::kUnsupported,
              "two operators of net '{}' update '{}'; statistics of one batch are not defined then",
              train_net.name(), op.input(i));
      blobs.push_back(op.input(i));
    }
  }
  require(!blobs.empty(), ErrorCode::kInvalidArgument,
          "net '{}' has no SpatialBN that normalises by the batch", train_net.name());
  return blobs;
}

}  // namespace

NetDef statistics_reset_net(const NetDef& train_net) {
  NetDef net;
  net.set_name(net_name(train_net, "_reset"));
  *net.add_op() = make_op("ConstantFill", {}, {kOne}, {{"shape", Shape{1}}, {"value", 1.0f}});
  for (const std::string& blob : statistics_of(train_net)) {
    // The shape is that of the blob as it was.
    *net.add_op() = make_op("ConstantFill", {blob}, {of_batch(blob)}, {{"value", 0.0f}});
    *net.add_op() = make_op("ConstantFill", {blob}, {blob}, {{"value", 0.0f}});
    net.add_external_input(blob);
    net.add_external_output(of_batch(blob));
  }
  net.add_external_output(kOne);
  write_roles({.phase = "statistics"}, net);
  return net;
}

NetDef statistics_net(const NetDef& train_net, int batches) {
  require(batches > 0, ErrorCode::kInvalidArgument, "statistics need at least one batch, found {}",
          batches);
  const std::vector<std::string> statistics = statistics_of(train_net);
  auto last = std::find_if(train_net.op().rbegin(), train_net.op().rend(), normalises_by_batch);
  NetDef forward = train_net;
  const int end = static_cast<int>(train_net.op().rend() - last);
  forward.mutable_op()->DeleteSubrange(end, forward.op_size() - end);
  NetDef net = pruned_to(forward, statistics);
  net.set_name(net_name(train_net, "_statistics"));

  const std::string share = "statistics_share";
  *net.add_op() =
      make_op("Scale", {kOne}, {share}, {{"scale", 1.0f / static_cast<float>(batches)}});
  net.add_external_input(kOne);
  for (OperatorDef& op : *net.mutable_op()) {
    if (!normalises_by_batch(op)) continue;
    for (int i : {kMean, kVariance}) {
      net.add_external_input(of_batch(op.input(i)));
      op.set_input(i, of_batch(op.input(i)));
      op.set_output(i - 2, op.input(i));
    }
    set_arg(op, "momentum", 0.0f);
  }
  for (const std::string& blob : statistics) {
    *net.add_op() = make_op("WeightedSum", {blob, kOne, of_batch(blob), share}, {blob});
  }
  const NetRoles of_train = read_roles(train_net);
  net.clear_arg();
  write_roles({.phase = "statistics",
               .data = of_train.data,
               .parameters = of_train.parameters,
               .statistics = statistics,
               .batch_size = of_train.batch_size},
              net);
  return net;
}

}  // namespace headrace
