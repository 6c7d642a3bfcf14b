#pragma once

#include <functional>
#include <memory>

#include "comm/join.h"
#include "comm/store.h"

namespace headrace {
class Blob;
}

namespace headrace::comm {

/// What a blob holds for operators that work with a store.
struct StoreHandle {
  std::shared_ptr<Store> store;
  /// Has the last word on how ranks that meet there are connected, after the arguments of the
  /// CreateCommonWorld that they run. Empty: nothing is changed.
  std::function<void(JoinOptions&)> adjust;
};

/// The store in a blob, and the other way round. Throws kTypeMismatch if it holds another thing.
StoreHandle store_in(const Blob& blob);
void put_store(StoreHandle handle, Blob& blob);

}  // namespace headrace::comm
