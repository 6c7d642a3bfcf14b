#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "net_builders/net.h"
#include "net_builders/net_writer.h"
#include "net_builders/schedule.h"

namespace headrace {

/// The end of a training net, where gradients become steps: what an Optimizer appends to. Operators
/// go into the training net, the start of what they keep into the init net.
class UpdateNet {
 public:
  struct Item {
    Parameter parameter;
    std::string gradient;
  };

  UpdateNet(NetWriter& training, NetWriter& init, NetRoles& roles, std::vector<Item> items,
            const LearningRateSchedule& schedule, int64_t epoch_size);

  /// The parameters that are trained, with the blobs that hold their gradients; both may be
  /// changed in place.
  const std::vector<Item>& items() const { return items_; }

  void add(const std::string& type, const std::vector<std::string>& inputs,
           const std::vector<std::string>& outputs, const std::vector<OpArg>& args = {}) {
    training_.add(type, inputs, outputs, args);
  }

  /// Blobs of the step, made when first asked for.
  const std::string& iteration();               // steps completed before this one, int64 [1]
  const std::string& learning_rate();           // positive
  const std::string& negative_learning_rate();  // to add steps with
  /// The rate divided by that of the step before; 1 where it changes by no more than the factor
  /// `threshold`. One threshold per net.
  const std::string& rate_ratio(float threshold = 1);

  /// A constant that the init net makes.
  const std::string& constant(const std::string& name, float value, const Shape& shape = {1});
  const std::string& one() { return constant("one", 1); }
  /// A blob like the parameter that survives the step, called `<parameter>_<suffix>`.
  std::string state(const Item& item, const std::string& suffix, float value = 0);
  /// A new name for a blob that does not survive the step.
  std::string temporary(const std::string& base) { return training_.unique(base); }

  /// gradient += rate * parameter, if the parameter decays and the rate is not 0.
  void decay(const Item& item, float rate);
  /// Scales all gradients down so that the norm of all together is at most that.
  void clip_gradients(float max_norm);
  /// Keeps average = decay * average + (1 - decay) * parameter for all parameters.
  void average_parameters(float decay);
  /// Counts the step. Last of all.
  void finish();

 private:
  NetWriter& training_;
  NetWriter& init_;
  NetRoles& roles_;
  const std::vector<Item> items_;
  const LearningRateSchedule& schedule_;
  const int64_t epoch_size_;
  std::map<std::string, std::pair<std::string, float>> constants_;
  std::string negative_rate_;
  std::string ratio_;
  float threshold_ = 1;
  int rate_position_ = -1;
};

}  // namespace headrace
