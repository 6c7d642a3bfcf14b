#include "net_builders/train_step.h"

#include <algorithm>

#include "core/error.h"
#include "core/proto/net.pb.h"
#include "core/proto/net_io.h"
#include "graph/gradient.h"
#include "net_builders/net_state.h"
#include "net_builders/update_net.h"

namespace headrace {

struct TrainStep::Nets {
  NetDef train;
  NetDef init;
};

TrainStep::TrainStep(const std::vector<Value>& losses)
    : net_(losses.empty() ? nullptr : losses[0].state()) {
  require(!losses.empty(), ErrorCode::kInvalidArgument, "training needs a loss");
  for (const Value& loss : losses) {
    require(loss.state() == net_.state(), ErrorCode::kInvalidArgument,
            "losses '{}' and '{}' belong to different nets", losses[0].name(), loss.name());
    require(loss.shape().numel() == 1, ErrorCode::kShapeMismatch,
            "a loss is one number; '{}' has the shape {}", loss.name(), loss.shape().to_string());
    losses_.push_back(loss.name());
  }
}

TrainStep& TrainStep::optimizer(Optimizer optimizer) {
  optimizer_ = std::move(optimizer);
  return *this;
}

TrainStep& TrainStep::schedule(LearningRateSchedule schedule) {
  schedule_ = std::move(schedule);
  return *this;
}

TrainStep& TrainStep::epoch_size(int64_t samples) {
  require(samples > 0, ErrorCode::kInvalidArgument, "an epoch of {} samples is none", samples);
  epoch_size_ = samples;
  return *this;
}

TrainStep& TrainStep::clip_gradients(float max_norm) {
  require(max_norm > 0, ErrorCode::kInvalidArgument,
          "gradients can be clipped to a positive norm only, found {}", max_norm);
  max_norm_ = max_norm;
  return *this;
}

TrainStep& TrainStep::average_parameters(float decay) {
  require(decay > 0 && decay < 1, ErrorCode::kInvalidArgument,
          "the decay of a moving average lies between 0 and 1, found {}", decay);
  average_decay_ = decay;
  return *this;
}

TrainStep& TrainStep::freeze(std::string prefix) {
  bool any = std::ranges::any_of(net_.parameters(),
                                 [&](const Parameter& p) { return p.name.starts_with(prefix); });
  require(any, ErrorCode::kNotFound, "net '{}' has no parameter whose name begins with '{}'",
          net_.name(), prefix);
  frozen_.push_back(std::move(prefix));
  return *this;
}

std::vector<Parameter> TrainStep::trained() const {
  std::vector<Parameter> trained;
  for (const Parameter& parameter : net_.parameters()) {
    bool frozen = std::ranges::any_of(
        frozen_, [&](const std::string& prefix) { return parameter.name.starts_with(prefix); });
    if (!frozen) trained.push_back(parameter);
  }
  require(!trained.empty(), ErrorCode::kInvalidArgument, "net '{}' has no parameter to train",
          net_.name());
  return trained;
}

TrainStep::Nets TrainStep::build() const {
  require(optimizer_ && schedule_, ErrorCode::kState,
          "training '{}' needs an optimizer() and a schedule()", net_.name());
  NetWriter training = net_.state()->training;
  NetWriter init = net_.state()->init;
  NetRoles roles = net_.state()->roles;
  roles.phase = "train";
  roles.losses = losses_;
  roles.epoch_size = epoch_size_;
  roles.reference_rate = schedule_->reference_rate();
  roles.reference_batch = schedule_->reference_batch();

  std::vector<graph::GradientRoot> roots;
  for (const std::string& loss : losses_) roots.push_back({loss});
  graph::GradientOptions wanted;
  const std::vector<Parameter> trained = this->trained();
  for (const Parameter& parameter : trained) wanted.with_respect_to.push_back(parameter.name);
  const int forward_ops = training.net().op_size();
  auto gradients = graph::add_gradients(training.mutable_net(), roots, wanted);
  training.check_from(forward_ops);

  roles.parameters.clear();
  std::vector<UpdateNet::Item> items;
  for (const Parameter& parameter : trained) {
    items.push_back({parameter, gradients.at(parameter.name)});
    roles.parameters.push_back(parameter.name);
    roles.gradients.push_back(items.back().gradient);
  }
  UpdateNet update(training, init, roles, items, *schedule_, epoch_size_);
  if (max_norm_ > 0) update.clip_gradients(max_norm_);
  optimizer_->emit(update);
  if (average_decay_ > 0) update.average_parameters(average_decay_);
  update.finish();

  for (const auto* outputs : {&roles.losses, &roles.accuracies}) {
    for (const std::string& blob : *outputs) training.mutable_net().add_external_output(blob);
  }
  if (!roles.learning_rate.empty()) {
    training.mutable_net().add_external_output(roles.learning_rate);
  }
  NetRoles of_init{.phase = "init",
                   .parameters = net_.state()->roles.parameters,
                   .averages = roles.averages,
                   .optimizer_state = roles.optimizer_state,
                   .statistics = roles.statistics,
                   .iteration = roles.iteration};
  return {finished_net(training, roles), finished_net(init, of_init)};
}

NetDef TrainStep::train_net() const { return build().train; }

NetDef TrainStep::init_net() const { return build().init; }

NetDef TrainStep::predict_net() const { return net_.predict_net(); }

void TrainStep::save(const std::string& prefix) const {
  const Nets nets = build();
  save_net(nets.init, prefix + "_init_net.pbtxt");
  save_net(nets.train, prefix + "_train_net.pbtxt");
  save_net(predict_net(), prefix + "_predict_net.pbtxt");
}

}  // namespace headrace
