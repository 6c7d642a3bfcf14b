#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/thread_pool.h"
#include "graph/session.h"

namespace CLI {
class App;
}

namespace headrace::tools {

/// NAME=VALUE, as many flags take it.
struct NamedValue {
  std::string name;
  std::string value;
};

/// Splits "NAME=VALUE"; a CLI::ValidationError that names `flag` if it is something else.
NamedValue parse_named(const std::string& text, const std::string& flag);
std::vector<NamedValue> parse_named(const std::vector<std::string>& texts, const std::string& flag);
/// Throws CLI::ValidationError if two have the same name, or the same value: which one counts?
void require_distinct(const std::vector<NamedValue>& values, std::string NamedValue::*part,
                      const std::string& flag);

/// Which net, and what it starts from.
struct NetFlags {
  std::string net;
  std::vector<std::string> inits;
  std::vector<std::string> inputs;
  std::string shapes;
  std::string device;  // "cpu": whatever device the nets name

  void add_to(CLI::App& flags);
};

/// On what a net is run.
struct ExecutionFlags {
  int threads = 0;
  bool pin = false;
  std::string executor = "parallel";
  uint64_t seed = 1;
  bool strict = false;

  void add_to(CLI::App& flags);

  graph::BuildOptions build() const;
  ThreadPoolOptions pool() const { return {.threads = threads, .pin = pin}; }
  /// Tolerated oddities of nets become warnings.
  SessionOptions session(const ThreadPool& pool) const;
};

}  // namespace headrace::tools
