#include "net_builders/update_net.h"

#include "core/error.h"
#include "core/gradient_context.h"
#include "core/proto/net.pb.h"
#include "net_builders/net_state.h"

namespace headrace {

UpdateNet::UpdateNet(NetWriter& training, NetWriter& init, NetRoles& roles, std::vector<Item> items,
                     const LearningRateSchedule& schedule, int64_t epoch_size)
    : training_(training),
      init_(init),
      roles_(roles),
      items_(std::move(items)),
      schedule_(schedule),
      epoch_size_(epoch_size) {}

const std::string& UpdateNet::iteration() {
  if (roles_.iteration.empty()) {
    roles_.iteration = training_.claim("iteration");
    add_fill(init_, roles_.iteration, {1},
             {"ConstantFill", {{"value", 0}, {"dtype", int64_t{TensorProto::INT64}}}});
    training_.declare(roles_.iteration, {DType::kInt64, {1}});
  }
  return roles_.iteration;
}

const std::string& UpdateNet::learning_rate() {
  if (roles_.learning_rate.empty()) {
    const std::string& iteration = this->iteration();
    roles_.learning_rate = training_.claim("learning_rate");
    rate_position_ = training_.net().op_size();
    add("LearningRate", {iteration}, {roles_.learning_rate},
        schedule_.args(roles_.batch_size, epoch_size_));
  }
  return roles_.learning_rate;
}

const std::string& UpdateNet::negative_learning_rate() {
  if (negative_rate_.empty()) {
    const std::string& rate = learning_rate();
    negative_rate_ = training_.claim("negative_learning_rate");
    add("Scale", {rate}, {negative_rate_}, {{"scale", -1.0f}});
  }
  return negative_rate_;
}

const std::string& UpdateNet::rate_ratio(float threshold) {
  if (ratio_.empty()) {
    learning_rate();
    ratio_ = training_.claim("learning_rate_ratio");
    threshold_ = threshold;
    OperatorDef op = training_.net().op(rate_position_);
    op.add_output(ratio_);
    if (threshold != 1) set_arg(op, "ratio_threshold", threshold);
    training_.replace(rate_position_, op);
  }
  require(threshold == threshold_, ErrorCode::kInvalidArgument,
          "a net has one threshold for changes of the learning rate: it is {} and cannot be {} too",
          threshold_, threshold);
  return ratio_;
}

const std::string& UpdateNet::constant(const std::string& name, float value, const Shape& shape) {
  auto [known, fresh] = constants_.try_emplace(name, name, value);
  if (fresh) {
    training_.claim(name);
    add_fill(init_, name, shape, headrace::constant(value));
    training_.declare(name, {DType::kFloat32, shape});
  }
  require(known->second.second == value, ErrorCode::kInvalidArgument,
          "constant '{}' is {} and cannot be {} too", name, known->second.second, value);
  return known->second.first;
}

std::string UpdateNet::state(const Item& item, const std::string& suffix, float value) {
  std::string blob = training_.claim(item.parameter.name + "_" + suffix);
  add_fill(init_, blob, item.parameter.shape, headrace::constant(value));
  training_.declare(blob, {DType::kFloat32, item.parameter.shape});
  roles_.optimizer_state.push_back(blob);
  return blob;
}

void UpdateNet::decay(const Item& item, float rate) {
  require(rate >= 0, ErrorCode::kInvalidArgument, "weight decay must not be negative, found {}",
          rate);
  if (rate == 0 || !item.parameter.decays) return;
  add("WeightedSum", {item.gradient, one(), item.parameter.name, constant("weight_decay", rate)},
      {item.gradient});
}

void UpdateNet::clip_gradients(float max_norm) {
  require(max_norm > 0, ErrorCode::kInvalidArgument,
          "gradients can be clipped to a positive norm only, found {}", max_norm);
  std::vector<std::string> squares;
  for (const Item& item : items_) {
    squares.push_back(temporary(item.gradient + "_square"));
    add("SumSqrElements", {item.gradient}, {squares.back()});
  }
  const std::string norm = temporary("gradient_norm");
  const std::string square = temporary("gradient_norm_square");
  const std::string bound = temporary("gradient_norm_bound");
  const std::string factor = temporary("gradient_clip_factor");
  const std::string& limit = constant("gradient_norm_limit", max_norm, {});
  add("Sum", squares, {square});
  add("Pow", {square}, {norm}, {{"exponent", 0.5f}});
  add("Max", {norm, limit}, {bound});
  add("Div", {limit, bound}, {factor});
  for (const Item& item : items_) {
    add("Mul", {item.gradient, factor}, {item.gradient});
  }
}

void UpdateNet::average_parameters(float decay) {
  require(decay > 0 && decay < 1, ErrorCode::kInvalidArgument,
          "the decay of a moving average lies between 0 and 1, found {}", decay);
  const std::string& old_weight = constant("average_decay", decay);
  const std::string& new_weight = constant("average_growth", 1 - decay);
  for (const Item& item : items_) {
    const std::string& parameter = item.parameter.name;
    const std::string average = training_.claim(parameter + "_average");
    init_.add("Copy", {parameter}, {average});
    training_.declare(average, {DType::kFloat32, item.parameter.shape});
    add("WeightedSum", {average, old_weight, parameter, new_weight}, {average});
    roles_.averages.push_back(average);
  }
}

void UpdateNet::finish() {
  const std::string& iteration = this->iteration();
  add("Iter", {iteration}, {iteration});
}

}  // namespace headrace
