#pragma once

#include <string>
#include <vector>

#include "core/error.h"

namespace headrace::graph {

/// Collects everything wrong with a net, so that one Error can list it all.
class Problems {
 public:
  explicit Problems(std::string net) : net_(std::move(net)) {}

  void add(const OpLocation& location, std::string message);
  void add(std::string message) { add({}, std::move(message)); }
  bool empty() const { return lines_.empty(); }

  /// Throws kInvalidNet with all problems, at most 50 of them in full; nothing when there are none.
  void throw_if_any() const;

 private:
  std::string net_;
  std::vector<std::string> lines_;
};

/// "Conv 'conv1' (#3)".
std::string describe(const OpLocation& location);

}  // namespace headrace::graph
