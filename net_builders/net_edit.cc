#include "net_builders/net_edit.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/error.h"
#include "core/gradient_context.h"
#include "core/proto/net.pb.h"
#include "net_builders/op_arg.h"

namespace headrace {
namespace {

float share(int64_t parts) { return 1.0f / static_cast<float>(parts); }

/// Position of the operator by which an earlier transform scales one blob into another.
int scale_between(const NetDef& net, const std::string& from, const std::string& to) {
  for (int i = net.op_size() - 1; i >= 0; --i) {
    const OperatorDef& op = net.op(i);
    if (op.type() == "Scale" && op.input(0) == from && op.output(0) == to) return i;
  }
  fail(ErrorCode::kInvalidNet,
       "net '{}' says that its iteration is cut into parts, and '{}' is not scaled", net.name(),
       from);
}

/// The operator that begins the backward pass from a loss, by filling its gradient with ones.
int root_of(const NetDef& net, const std::string& loss) {
  for (int i = 0; i < net.op_size(); ++i) {
    const OperatorDef& op = net.op(i);
    if (op.type() == "ConstantFill" && op.is_gradient_op() && contains(op.input(), loss)) return i;
  }
  fail(ErrorCode::kInvalidNet, "net '{}' has no gradient of its loss '{}'", net.name(), loss);
}

}  // namespace

std::string net_name(const NetDef& train_net, const char* suffix) {
  return train_net.name().substr(0, train_net.name().rfind("_train")) + suffix;
}

void Insertions::behind(int position, OperatorDef op) { ops_[position].push_back(std::move(op)); }

void Insertions::apply(NetDef& net) const {
  NetDef old = net;
  net.clear_op();
  for (int i = 0; i < old.op_size(); ++i) {
    net.add_op()->Swap(old.mutable_op(i));
    if (const auto found = ops_.find(i); found != ops_.end()) {
      for (const OperatorDef& op : found->second) *net.add_op() = op;
    }
  }
}

void require_training_roles(const NetDef& net, const NetRoles& roles) {
  require(!roles.parameters.empty() && roles.gradients.size() == roles.parameters.size() &&
              !roles.losses.empty(),
          ErrorCode::kInvalidNet,
          "net '{}' does not say which blobs are its parameters, their gradients and its losses "
          "(arguments parameters, gradients and losses); TrainStep writes them",
          net.name());
}

std::string mean_of(const std::string& blob) { return "mean_" + blob; }

int last_writer(const NetDef& net, const std::string& blob) {
  for (int i = net.op_size() - 1; i >= 0; --i) {
    if (contains(net.op(i).output(), blob)) return i;
  }
  fail(ErrorCode::kInvalidNet, "no operator of net '{}' makes '{}', which it names among its roles",
       net.name(), blob);
}

int end_of_backward(const NetDef& net, const std::string& gradient) {
  for (int i = net.op_size() - 1; i >= 0; --i) {
    const OperatorDef& op = net.op(i);
    if (!op.is_gradient_op()) continue;
    if (contains(op.output(), gradient) || contains(op.input(), gradient)) return i;
  }
  fail(ErrorCode::kInvalidNet, "no operator of net '{}' computes the gradient '{}'", net.name(),
       gradient);
}

int64_t parts_of(const NetRoles& roles) {
  return std::max<int64_t>(1, roles.world_size) * std::max<int64_t>(1, roles.micro_batches);
}

void divide_batch(const NetDef& net, NetRoles& roles, int64_t parts) {
  const auto counted = [](int64_t count, const char* what, const char* plural) {
    return fmt::format("{} {}{}", count, what, count == 1 ? "" : plural);
  };
  std::string takers = counted(std::max<int64_t>(1, roles.world_size), "worker", "s");
  if (roles.micro_batches > 1)
    takers += ", " + counted(roles.micro_batches, "micro-batch", "es") + " each";
  require(roles.batch_size % parts_of(roles) == 0, ErrorCode::kInvalidArgument,
          "the {} samples per iteration of net '{}' cannot be shared evenly: by {}",
          roles.batch_size, net.name(), takers);
  for (auto& [blob, desc] : roles.external_shapes) {
    if (!contains(roles.data, blob) && !contains(roles.labels, blob)) continue;
    std::vector<int64_t> dims(desc.shape.begin(), desc.shape.end());
    require(!dims.empty() && dims[0] % parts == 0, ErrorCode::kInvalidArgument,
            "'{}' is {} and cannot be cut into {} equal parts", blob, desc.to_string(), parts);
    dims[0] /= parts;
    desc.shape = Shape(dims);
  }
}

OperatorDef scaled_to_share(const std::string& from, const std::string& to, int64_t parts) {
  return make_op("Scale", {from}, {to}, {{"scale", share(parts)}});
}

void share_loss(NetDef& net, Insertions& insertions, const std::string& loss, int64_t before,
                int64_t after) {
  const int root = root_of(net, loss);
  const std::string gradient = net.op(root).output(0);
  if (before > 1) {
    set_arg(*net.mutable_op(scale_between(net, loss, loss)), "scale", share(after));
    set_arg(*net.mutable_op(scale_between(net, gradient, gradient)), "scale", share(after));
    return;
  }
  insertions.behind(last_writer(net, loss), scaled_to_share(loss, loss, after));
  OperatorDef of_gradient = scaled_to_share(gradient, gradient, after);
  of_gradient.set_is_gradient_op(true);
  insertions.behind(root, std::move(of_gradient));
}

void share_accuracy(NetDef& net, Insertions& insertions, const std::string& accuracy,
                    int64_t before, int64_t after) {
  const std::string mean = mean_of(accuracy);
  if (before > 1) {
    set_arg(*net.mutable_op(scale_between(net, accuracy, mean)), "scale", share(after));
  } else {
    insertions.behind(last_writer(net, accuracy), scaled_to_share(accuracy, mean, after));
  }
}

void declare_means(NetDef& net, NetRoles& roles) {
  if (!roles.mean_losses.empty()) return;
  for (const std::string& loss : roles.losses) roles.mean_losses.push_back(mean_of(loss));
  for (const std::string& accuracy : roles.accuracies) {
    roles.mean_accuracies.push_back(mean_of(accuracy));
  }
  for (const auto* means : {&roles.mean_losses, &roles.mean_accuracies}) {
    for (const std::string& blob : *means) net.add_external_output(blob);
  }
}

}  // namespace headrace
