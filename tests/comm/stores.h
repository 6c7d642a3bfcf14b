#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <vector>

#include "comm/store.h"

namespace headrace::comm {

/// A kind of store to test. open() starts an empty one and returns what connects rank r to it; the
/// store is gone when that is.
struct StoreKind {
  const char* name;
  std::function<std::function<std::shared_ptr<Store>(int)>()> open;
};

inline void PrintTo(const StoreKind& kind, std::ostream* out) { *out << kind.name; }

std::vector<StoreKind> store_kinds();

}  // namespace headrace::comm
