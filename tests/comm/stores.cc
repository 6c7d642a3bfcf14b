#include "tests/comm/stores.h"

namespace headrace::comm {

std::vector<StoreKind> store_kinds() {
  return {{"Memory", [] { return [store = make_memory_store()](int) { return store; }; }}};
}

}  // namespace headrace::comm
