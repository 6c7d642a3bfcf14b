#pragma once

#include <string>
#include <vector>

#include "core/net_roles.h"
#include "net_builders/initializer.h"
#include "net_builders/net.h"
#include "net_builders/net_writer.h"

namespace headrace {

/// What Net and Value share: both phases of the net so far. For authors of layers; users have Net.
struct NetState {
  explicit NetState(const std::string& name);

  /// Names inside the current scope: the one given, or the next number of `base`.
  std::string layer_name(const std::string& given, const char* base);
  std::string unique_name(const std::string& base) { return training.unique(scope + base); }

  /// Appends an operator to both phases; to training alone where it reads what only training has.
  void add(const std::string& type, const std::vector<std::string>& inputs,
           const std::vector<std::string>& outputs, const std::vector<OpArg>& args = {});
  void add_training_only(const std::string& type, const std::vector<std::string>& inputs,
                         const std::vector<std::string>& outputs,
                         const std::vector<OpArg>& args = {});

  void declare(const std::string& blob, const TensorDesc& desc);
  /// A blob that the init net fills.
  void add_parameter(const std::string& name, const Shape& shape, const Initializer& initializer,
                     bool decays);
  /// Likewise, but changed by an operator of the net instead of a gradient.
  void add_statistic(const std::string& name, const Shape& shape, float value);

  std::string name;
  std::string scope;  // ends with '/' unless empty
  NetWriter training;
  NetWriter prediction;
  NetWriter init;
  std::vector<Parameter> parameters;
  NetRoles roles;  // of what the net has without an optimizer

 private:
  void fill(const std::string& blob, const Shape& shape, const Initializer& initializer);
};

/// Appends to an init net the operator that makes a blob.
void add_fill(NetWriter& init, const std::string& blob, const Shape& shape,
              const Initializer& initializer);

/// The net with its roles, the types of its external inputs among them.
NetDef finished_net(const NetWriter& writer, NetRoles roles);

}  // namespace headrace
