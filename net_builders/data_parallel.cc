#include "net_builders/data_parallel.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/net_roles.h"
#include "core/proto/net.pb.h"
#include "net_builders/op_arg.h"

namespace headrace {
namespace {

constexpr const char* kWorld = "common_world";

bool contains(const auto& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

/// A worker's share of a mean over all of them.
OperatorDef scale(const std::string& from, const std::string& to, int64_t world) {
  return make_op("Scale", {from}, {to}, {{"scale", 1.0f / static_cast<float>(world)}});
}

OperatorDef allreduce(const std::string& from, const std::string& to) {
  OperatorDef op = make_op("Allreduce", {kWorld, from}, {to});
  op.set_name(from);
  return op;
}

std::string mean_of(const std::string& blob) { return "mean_" + blob; }

/// Inserts operators behind those of a net; the positions are those of the net as it was.
class Insertions {
 public:
  void behind(int position, OperatorDef op) { ops_[position].push_back(std::move(op)); }

  void apply(NetDef& net) const {
    NetDef old = net;
    net.clear_op();
    for (int i = 0; i < old.op_size(); ++i) {
      net.add_op()->Swap(old.mutable_op(i));
      if (const auto found = ops_.find(i); found != ops_.end()) {
        for (const OperatorDef& op : found->second) *net.add_op() = op;
      }
    }
  }

 private:
  std::map<int, std::vector<OperatorDef>> ops_;
};

int last_writer(const NetDef& net, const std::string& blob) {
  for (int i = net.op_size() - 1; i >= 0; --i) {
    if (contains(net.op(i).output(), blob)) return i;
  }
  fail(ErrorCode::kInvalidNet, "no operator of net '{}' makes '{}', which it names among its roles",
       net.name(), blob);
}

/// The last operator of the backward pass that reads or writes a gradient.
int end_of_backward(const NetDef& net, const std::string& gradient) {
  for (int i = net.op_size() - 1; i >= 0; --i) {
    const OperatorDef& op = net.op(i);
    if (!op.is_gradient_op()) continue;
    if (contains(op.output(), gradient) || contains(op.input(), gradient)) return i;
  }
  fail(ErrorCode::kInvalidNet, "no operator of net '{}' computes the gradient '{}'", net.name(),
       gradient);
}

/// The operator that begins the backward pass from a loss, by filling its gradient with ones, and
/// that gradient.
int root_of(const NetDef& net, const std::string& loss) {
  for (int i = 0; i < net.op_size(); ++i) {
    const OperatorDef& op = net.op(i);
    if (op.type() == "ConstantFill" && op.is_gradient_op() && contains(op.input(), loss)) return i;
  }
  fail(ErrorCode::kInvalidNet, "net '{}' has no gradient of its loss '{}'", net.name(), loss);
}

void check_roles(const NetDef& net, const NetRoles& roles, int world) {
  require(world >= 1, ErrorCode::kInvalidArgument, "expected at least one worker, found {}", world);
  require(roles.world_size == 0, ErrorCode::kState,
          "net '{}' is data-parallel already, for {} workers; begin with the net of one",
          net.name(), roles.world_size);
  require(!roles.parameters.empty() && roles.gradients.size() == roles.parameters.size() &&
              !roles.losses.empty(),
          ErrorCode::kInvalidNet,
          "net '{}' does not say which blobs are its parameters, their gradients and its losses "
          "(arguments parameters, gradients and losses); TrainStep writes them",
          net.name());
}

/// Each worker takes its part of the samples.
void divide_batch(const NetDef& net, NetRoles& roles, int world) {
  require(roles.batch_size % world == 0, ErrorCode::kInvalidArgument,
          "the {} samples per iteration of net '{}' cannot be shared by {} workers alike",
          roles.batch_size, net.name(), world);
  for (auto& [blob, desc] : roles.external_shapes) {
    if (!contains(roles.data, blob) && !contains(roles.labels, blob)) continue;
    std::vector<int64_t> dims(desc.shape.begin(), desc.shape.end());
    require(!dims.empty() && dims[0] % world == 0, ErrorCode::kInvalidArgument,
            "'{}' is {} and cannot be shared by {} workers alike", blob, desc.to_string(), world);
    dims[0] /= world;
    desc.shape = Shape(dims);
  }
}

void declare_world(NetDef& net) {
  require(!contains(net.external_input(), kWorld), ErrorCode::kInvalidNet,
          "net '{}' has a blob '{}' of its own", net.name(), kWorld);
  net.add_external_input(kWorld);
}

}  // namespace

NetDef data_parallel(const NetDef& train_net, int world) {
  NetRoles roles = read_roles(train_net);
  check_roles(train_net, roles, world);
  divide_batch(train_net, roles, world);
  NetDef net = train_net;
  Insertions insertions;
  for (const std::string& loss : roles.losses) {
    const int writer = last_writer(net, loss);
    const int root = root_of(net, loss);
    const std::string& gradient = net.op(root).output(0);
    OperatorDef scaled_gradient = scale(gradient, gradient, world);
    scaled_gradient.set_is_gradient_op(true);
    insertions.behind(writer, scale(loss, loss, world));
    insertions.behind(root, std::move(scaled_gradient));
    insertions.behind(writer, allreduce(loss, mean_of(loss)));
    roles.mean_losses.push_back(mean_of(loss));
  }
  for (const std::string& accuracy : roles.accuracies) {
    const int writer = last_writer(net, accuracy);
    const std::string mean = mean_of(accuracy);
    insertions.behind(writer, scale(accuracy, mean, world));
    insertions.behind(writer, allreduce(mean, mean));
    roles.mean_accuracies.push_back(mean_of(accuracy));
  }
  // Two parameters may have one gradient: of a sum, for example.
  const std::set<std::string> gradients(roles.gradients.begin(), roles.gradients.end());
  for (const std::string& gradient : gradients) {
    insertions.behind(end_of_backward(net, gradient), allreduce(gradient, gradient));
  }
  insertions.apply(net);
  declare_world(net);
  for (const auto* means : {&roles.mean_losses, &roles.mean_accuracies}) {
    for (const std::string& blob : *means) net.add_external_output(blob);
  }
  roles.world_size = world;
  roles.world = kWorld;
  write_roles(roles, net);
  return net;
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
    *net.add_op() = scale(blob, mean, of_train.world_size);
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

void require_world(const NetDef& train_net, int world, const char* file) {
  const int64_t made_for = read_roles(train_net).world_size;
  require(
      made_for == world || made_for == 0, ErrorCode::kState,
      "net '{}' is for {} worker{}, and there {} {}. Run it with 'headrace launch -n {}', or make "
      "one for {} from the net of one worker: headrace convert {} NET.pbtxt --world {}",
      train_net.name(), made_for, made_for == 1 ? "" : "s", world == 1 ? "is" : "are", world,
      made_for, world, file, world);
}

}  // namespace headrace
