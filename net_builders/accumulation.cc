#include "net_builders/accumulation.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/net_roles.h"
#include "core/proto/net.pb.h"
#include "net_builders/net_edit.h"
#include "net_builders/net_writer.h"
#include "net_builders/op_arg.h"
#include "net_builders/prune.h"

namespace headrace {
namespace {

std::string accumulator_of(const std::string& blob) { return blob + "_sum"; }

OperatorDef sum(const std::string& a, const std::string& b, const std::string& to) {
  return make_op("Sum", {a, b}, {to});
}

OperatorDef zero(const std::string& blob, const Shape& shape) {
  std::vector<OpArg> args = {{"value", 0.0f}};
  if (shape.rank() > 0) args.emplace_back("shape", shape);
  return make_op("ConstantFill", {}, {blob}, args);
}

/// Types of all blobs of a net, from those of its inputs.
NetWriter types_of(const NetDef& net, const NetRoles& roles) {
  NetWriter types(net.name());
  for (const auto& [blob, desc] : roles.external_shapes) types.declare(blob, desc);
  for (const std::string& blob : net.external_input()) {
    require(types.knows(blob), ErrorCode::kInvalidNet,
            "net '{}' does not say what its input '{}' is (argument external_shapes); TrainStep "
            "writes it",
            net.name(), blob);
  }
  types.mutable_net() = net;
  types.check_from(0);
  return types;
}

class Accumulation {
 public:
  Accumulation(const NetDef& train_net, int micro_batches)
      : net_(train_net), roles_(read_roles(train_net)) {
    require(micro_batches >= 2, ErrorCode::kInvalidArgument,
            "gradients are added up over two micro-batches at least, found {}", micro_batches);
    require_training_roles(net_, roles_);
    require(roles_.world_size == 0, ErrorCode::kState,
            "net '{}' is data-parallel already, for {} workers: accumulation comes first",
            net_.name(), roles_.world_size);
    require(roles_.micro_batches == 0, ErrorCode::kState,
            "net '{}' takes its samples in {} micro-batches already", net_.name(),
            roles_.micro_batches);
    roles_.micro_batches = micro_batches;
    divide_batch(net_, roles_, micro_batches);
    gradients_.insert(roles_.gradients.begin(), roles_.gradients.end());
    add_accumulators();
  }

  PlanDef plan() const { return accumulation_plan(accumulate(), update()); }

 private:
  void add_accumulators() {
    const NetWriter types = types_of(net_, roles_);
    const auto add = [&](const std::string& blob, const std::string& type_of) {
      const std::string accumulator = accumulator_of(blob);
      require(!types.knows(accumulator), ErrorCode::kInvalidNet,
              "net '{}' has a blob '{}' of its own", net_.name(), accumulator);
      roles_.accumulators.push_back(accumulator);
      roles_.external_shapes.emplace_back(accumulator, types.desc(type_of));
    };
    for (const std::string& loss : roles_.losses) add(loss, loss);
    for (const std::string& accuracy : roles_.accuracies) add(mean_of(accuracy), accuracy);
    for (const std::string& gradient : gradients_) add(gradient, gradient);
  }

  /// The net with its losses and accuracies scaled; what adds them and the gradients up is put in
  /// by `meet`(position, blob, where the sum over micro-batches goes).
  NetDef with_sums(NetDef net, const auto& meet) const {
    Insertions insertions;
    for (const std::string& loss : roles_.losses) {
      const int writer = last_writer(net, loss);
      share_loss(net, insertions, loss, 1, roles_.micro_batches);
      meet(insertions, writer, loss, mean_of(loss));
    }
    for (const std::string& accuracy : roles_.accuracies) {
      share_accuracy(net, insertions, accuracy, 1, roles_.micro_batches);
      meet(insertions, last_writer(net, accuracy), mean_of(accuracy), mean_of(accuracy));
    }
    for (const std::string& gradient : gradients_) {
      meet(insertions, end_of_backward(net, gradient), gradient, gradient);
    }
    insertions.apply(net);
    for (const std::string& blob : roles_.accumulators) net.add_external_input(blob);
    return net;
  }

  NetDef accumulate() const {
    NetDef net = with_sums(net_, [](Insertions& insertions, int position, const std::string& blob,
                                    const std::string&) {
      const std::string accumulator = accumulator_of(blob);
      insertions.behind(position, sum(accumulator, blob, accumulator));
    });
    std::vector<std::string> kept = roles_.accumulators;
    kept.insert(kept.end(), roles_.statistics.begin(), roles_.statistics.end());
    net = pruned_to(net, kept);
    net.set_name(net_name(net_, "_accumulate"));
    for (const std::string& loss : roles_.losses) net.add_external_output(loss);
    NetRoles roles = roles_;
    roles.phase = kAccumulatePhase;
    roles.averages.clear();
    roles.optimizer_state.clear();
    roles.learning_rate.clear();
    roles.iteration.clear();
    std::erase_if(roles.external_shapes, [&](const auto& input) {
      return std::ranges::find(net.external_input(), input.first) == net.external_input().end();
    });
    write_roles(roles, net);
    return net;
  }

  NetDef update() const {
    std::map<std::string, Shape> shapes;
    for (const auto& [blob, desc] : roles_.external_shapes) shapes[blob] = desc.shape;
    NetDef net = with_sums(net_, [&](Insertions& insertions, int position, const std::string& blob,
                                     const std::string& total) {
      const std::string accumulator = accumulator_of(blob);
      OperatorDef add = sum(blob, accumulator, total);
      // Part of the backward pass: what is communicated comes behind it.
      add.set_is_gradient_op(gradients_.contains(blob));
      insertions.behind(position, std::move(add));
      insertions.behind(position, zero(accumulator, shapes.at(accumulator)));
    });
    net.set_name(net_name(net_, "_update"));
    NetRoles roles = roles_;
    declare_means(net, roles);
    write_roles(roles, net);
    return net;
  }

  const NetDef& net_;
  NetRoles roles_;                   // of both nets
  std::set<std::string> gradients_;  // two parameters may have one: of a sum, for example
};

}  // namespace

PlanDef accumulate_gradients(const NetDef& train_net, int micro_batches) {
  return Accumulation(train_net, micro_batches).plan();
}

NetDef with_accumulators(const NetDef& init_net, const NetDef& update_net) {
  const NetRoles roles = read_roles(update_net);
  require(!roles.accumulators.empty(), ErrorCode::kInvalidArgument,
          "net '{}' adds up no gradients over micro-batches", update_net.name());
  NetDef net = init_net;
  for (const auto& [blob, desc] : roles.external_shapes) {
    if (std::ranges::find(roles.accumulators, blob) == roles.accumulators.end()) continue;
    *net.add_op() = zero(blob, desc.shape);
  }
  NetRoles of_init = read_roles(init_net);
  of_init.accumulators = roles.accumulators;
  write_roles(of_init, net);
  return net;
}

PlanDef accumulation_plan(const NetDef& accumulate_net, const NetDef& update_net) {
  PlanDef plan;
  plan.set_name(update_net.name() + "_plan");
  *plan.add_network() = accumulate_net;
  *plan.add_network() = update_net;
  ExecutionStep& iteration = *plan.add_execution_step();
  iteration.set_name("iteration");
  const auto add_step = [&](const char* name, const NetDef& net, int64_t times) {
    ExecutionStep& step = *iteration.add_substep();
    step.set_name(name);
    step.add_network(net.name());
    step.set_num_iter(times);
  };
  add_step("accumulate", accumulate_net, read_roles(update_net).micro_batches - 1);
  add_step("update", update_net, 1);
  return plan;
}

void require_accumulation(const PlanDef& plan) {
  const bool is = plan.network_size() == 2 &&
                  read_roles(plan.network(kAccumulateNet)).phase == kAccumulatePhase &&
                  read_roles(plan.network(kUpdateNet)).micro_batches > 1;
  require(
      is, ErrorCode::kInvalidNet,
      "plan '{}' is none of gradient accumulation, which is a net that accumulates and one that "
      "updates; 'headrace emit --accumulate' writes such plans",
      plan.name());
}

}  // namespace headrace
