#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/net_roles.h"
#include "core/tensor.h"
#include "net_builders/value.h"

namespace headrace {

class NetDef;

/// A trainable blob.
struct Parameter {
  std::string name;
  Shape shape;
  bool decays = true;  // weight decay applies
};

struct ParameterOptions {
  bool decays = true;
};

struct OpOptions {
  std::string name;  // of the first output, in the current scope
  std::vector<OpArg> args;
  int outputs = 1;
  bool training_only = false;
};

/// Puts "name/" before the names of what is made while it lives. Scopes nest.
class [[nodiscard]] Scope {
 public:
  Scope(std::shared_ptr<NetState> net, const std::string& name);
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  std::shared_ptr<NetState> net_;
  std::string outer_;
};

/// A net under construction, in both its phases: what is written once, with the methods of Value,
/// becomes a training net (see TrainStep) and a prediction net. A handle; copies are the same net.
class Net {
 public:
  /// The name has to be printable and shorter than 56 characters.
  explicit Net(const std::string& name);
  explicit Net(std::shared_ptr<NetState> state) : state_(std::move(state)) {}

  const std::string& name() const;

  /// A blob that is fed in every iteration. The first dimension is the batch.
  Value input(const std::string& name, const Shape& shape, DType dtype = DType::kFloat32);
  /// Class numbers, int32 [batch]; only known in training.
  Value labels(const std::string& name, int64_t batch);

  /// A trainable blob, for layers of one's own.
  Value parameter(const std::string& name, const Shape& shape, const Initializer& initializer,
                  const ParameterOptions& options = {});

  Scope scope(const std::string& name) { return Scope(state_, name); }

  /// Any operator, for what Value has no method for. Named after its type by default.
  std::vector<Value> op(const std::string& type, const std::vector<Value>& inputs,
                        const OpOptions& options = {});

  /// What the net is for; losses set it themselves.
  void predicts(const Value& value);

  std::span<const Parameter> parameters() const;

  /// Forward operators of training, with loss and labels.
  NetDef forward_net() const;
  /// What the prediction needs, with dropout and batch statistics switched off.
  NetDef predict_net() const;
  /// Fills parameters and statistics.
  NetDef init_net() const;

  /// Writes PREFIX_init_net.pbtxt and PREFIX_predict_net.pbtxt. See also TrainStep::save().
  void save(const std::string& prefix) const;

  const std::shared_ptr<NetState>& state() const { return state_; }

 private:
  std::shared_ptr<NetState> state_;
};

}  // namespace headrace
