#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "net_builders/net.h"
#include "net_builders/optimizer.h"
#include "net_builders/schedule.h"

namespace headrace {

class NetDef;

/// One step of training a net on its loss, as nets of one worker:
///
///   auto step = TrainStep(loss)
///       .optimizer(MomentumSgd{.momentum = 0.9f, .nesterov = true, .weight_decay = 1e-4f})
///       .schedule(linear_scaling(0.1f, 256).warmup(epochs(5)).decay(0.1f, at_epochs({30, 60,
///       80}))) .epoch_size(1281167);
///   step.save("out/resnet50");
///
/// The training net is, in this order: forward, gradients, clipping, decay and update, averages,
/// the count of steps. Leaves the Net as it is; layers added to it later are not in the step.
class TrainStep {
 public:
  /// Losses are scalars of one net; their gradients add up.
  explicit TrainStep(const Value& loss) : TrainStep(std::vector<Value>{loss}) {}
  explicit TrainStep(const std::vector<Value>& losses);

  TrainStep& optimizer(Optimizer optimizer);
  TrainStep& schedule(LearningRateSchedule schedule);
  /// Samples per epoch; needed by schedules that count epochs.
  TrainStep& epoch_size(int64_t samples);
  /// Scales the gradients down so that the norm of all together is at most that.
  TrainStep& clip_gradients(float max_norm);
  /// Keeps a moving average of every parameter, `<parameter>_average`.
  TrainStep& average_parameters(float decay);
  /// Parameters whose names begin so are not trained.
  TrainStep& freeze(std::string prefix);

  NetDef train_net() const;
  NetDef init_net() const;
  NetDef predict_net() const;

  /// Writes PREFIX_init_net.pbtxt, PREFIX_train_net.pbtxt and PREFIX_predict_net.pbtxt.
  void save(const std::string& prefix) const;

 private:
  struct Nets;
  Nets build() const;
  std::vector<Parameter> trained() const;

  Net net_;
  std::vector<std::string> losses_;
  std::optional<Optimizer> optimizer_;
  std::optional<LearningRateSchedule> schedule_;
  int64_t epoch_size_ = 0;
  float max_norm_ = 0;
  float average_decay_ = 0;
  std::vector<std::string> frozen_;
};

}  // namespace headrace
