#pragma once

#include <string>

#include "comm/store.h"

namespace headrace::comm {

/// A store that a server on some host keeps.
class ServedStore : public Store {
 public:
  /// Name or address of that host; empty if it is none, as behind a prefix.
  virtual std::string host() const = 0;
};

/// Where the server of `store` is; empty for files and memory.
inline std::string host_of(const Store& store) {
  const auto* served = dynamic_cast<const ServedStore*>(&store);
  return served == nullptr ? "" : served->host();
}

}  // namespace headrace::comm
