#pragma once

#include <string>
#include <vector>

#include "core/net_roles.h"

namespace CLI {
class App;
}

namespace headrace::tools {

/// The blobs that training and evaluation have to know. Nets of the builders carry them; flags name
/// them for others.
struct NetBlobs {
  std::string data;
  std::string label;
  std::string loss;
  std::string accuracy;  // measured by the training net; may be empty
  std::string prediction;
  std::string learning_rate;  // may be empty

  void add_training_flags(CLI::App& flags);
  void add_prediction_flags(CLI::App& flags);

  /// Fills what no flag has named from the roles of a training net. Throws kInvalidNet listing what
  /// is still unknown, with the flags that name it.
  void complete_for_training(const NetRoles& roles);
  /// The same from those of a prediction net.
  void complete_for_prediction(const NetRoles& roles, const std::vector<std::string>& outputs);
};

}  // namespace headrace::tools
