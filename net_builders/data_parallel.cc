#include "net_builders/data_parallel.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/net_roles.h"
#include "core/proto/net.pb.h"
#include "net_builders/accumulation.h"
#include "net_builders/net_edit.h"
#include "net_builders/op_arg.h"

namespace headrace {
namespace {

constexpr const char* kWorld = "common_world";

OperatorDef allreduce(const std::string& from, const std::string& to) {
  OperatorDef op = make_op("Allreduce", {kWorld, from}, {to});
  op.set_name(from);
  return op;
}

void check_roles(const NetDef& net, const NetRoles& roles, int world) {
  require(world >= 1, ErrorCode::kInvalidArgument, "expected at least one worker, found {}", world);
  require(roles.world_size == 0, ErrorCode::kState,
          "net '{}' is data-parallel already, for {} workers; begin with the net of one",
          net.name(), roles.world_size);
  require_training_roles(net, roles);
}

void declare_world(NetDef& net) {
  require(!contains(net.external_input(), kWorld), ErrorCode::kInvalidNet,
          "net '{}' has a blob '{}' of its own", net.name(), kWorld);
  net.add_external_input(kWorld);
}

/// Allreduces of losses, accuracies and gradients.
void add_sums(const NetDef& net, Insertions& insertions, const NetRoles& roles) {
  const bool means = !roles.mean_losses.empty();  // over micro-batches, already
  for (const std::string& loss : roles.losses) {
    const std::string& share = means ? mean_of(loss) : loss;
    insertions.behind(last_writer(net, share), allreduce(share, mean_of(loss)));
  }
  for (const std::string& accuracy : roles.accuracies) {
    const std::string mean = mean_of(accuracy);
    insertions.behind(last_writer(net, means ? mean : accuracy), allreduce(mean, mean));
  }
  // Two parameters may have one gradient: of a sum, for example.
  const std::set<std::string> gradients(roles.gradients.begin(), roles.gradients.end());
  for (const std::string& gradient : gradients) {
    insertions.behind(end_of_backward(net, gradient), allreduce(gradient, gradient));
  }
}

void declare_sums(NetDef& net, NetRoles& roles) {
  declare_world(net);
  roles.world = kWorld;
  declare_means(net, roles);
}

}  // namespace

NetDef data_parallel(const NetDef& train_net, int world) {
  NetRoles roles = read_roles(train_net);
  check_roles(train_net, roles, world);
  const int64_t before = parts_of(roles);
  roles.world_size = world;
  divide_batch(train_net, roles, world);
  const int64_t after = parts_of(roles);
  NetDef net = train_net;
  Insertions insertions;
  for (const std::string& loss : roles.losses) {
    share_loss(net, insertions, loss, before, after);
  }
  for (const std::string& accuracy : roles.accuracies) {
    share_accuracy(net, insertions, accuracy, before, after);
  }
  // All micro-batches but the last communicate nothing.
  const bool sums = roles.phase != kAccumulatePhase;
  if (sums) add_sums(net, insertions, roles);
  insertions.apply(net);
  if (sums) declare_sums(net, roles);
  write_roles(roles, net);
  return net;
}

PlanDef data_parallel(const PlanDef& plan, int world) {
  require_accumulation(plan);
  PlanDef result = plan;
  for (NetDef& net : *result.mutable_network()) net = data_parallel(net, world);
  return result;
}

NetDef data_parallel_init(const NetDef& init_net, int world) {
  require(world >= 1, ErrorCode::kInvalidArgument, "expected at least one worker, found {}", world);
  NetRoles roles = read_roles(init_net);
  require(roles.world_size == 0, ErrorCode::kState,
          "net '{}' is data-parallel already, for {} workers", init_net.name(), roles.world_size);
  NetDef net = init_net;
  std::vector<std::string> blobs;
  for (const auto* names :
       {&roles.parameters, &roles.optimizer_state, &roles.statistics, &roles.averages}) {
    blobs.insert(blobs.end(), names->begin(), names->end());
  }
  if (!roles.iteration.empty()) blobs.push_back(roles.iteration);
  require(!blobs.empty(), ErrorCode::kInvalidNet,
          "net '{}' does not say which blobs are parameters (argument parameters)", net.name());
  for (const std::string& blob : blobs) {
    OperatorDef op = make_op("Broadcast", {kWorld, blob}, {blob});
    op.set_name(blob);
    *net.add_op() = std::move(op);
  }
  declare_world(net);
  roles.world_size = world;
  roles.world = kWorld;
  write_roles(roles, net);
  return net;
}

NetDef mean_statistics_net(const NetDef& data_parallel_net) {
  const NetRoles of_train = read_roles(data_parallel_net);
  require(of_train.world_size > 0, ErrorCode::kState, "net '{}' is not data-parallel",
          data_parallel_net.name());
  require(!of_train.statistics.empty(), ErrorCode::kInvalidArgument,
          "net '{}' has no running statistics", data_parallel_net.name());
  NetDef net;
  net.set_name(data_parallel_net.name() + "_mean_statistics");
  net.add_external_input(kWorld);
  for (const std::string& blob : of_train.statistics) {
    const std::string mean = blob + "_mean";
    *net.add_op() = scaled_to_share(blob, mean, of_train.world_size);
    *net.add_op() = allreduce(mean, mean);
    net.add_external_input(blob);
    net.add_external_output(mean);
  }
  write_roles({.phase = "statistics",
               .statistics = of_train.statistics,
               .world_size = of_train.world_size,
               .world = kWorld},
              net);
  return net;
}

void require_world(const NetDef& train_net, int world) {
  const int64_t made_for = read_roles(train_net).world_size;
  require(
      made_for == world || made_for == 0, ErrorCode::kState,
      "net '{}' is for {} worker{}, and there {} {}. Run it with 'headrace launch -n {}', or make "
      "one for {} from the net of one worker: headrace convert ONE_WORKER_NET.pbtxt NET.pbtxt "
      "--world {}",
      train_net.name(), made_for, made_for == 1 ? "" : "s", world == 1 ? "is" : "are", world,
      made_for, world, world);
}

}  // namespace headrace
