#include "comm/store_handle.h"

#include <utility>

#include "core/blob.h"

namespace headrace::comm {
namespace {

constexpr const char* kStoreHandle = "store";  // for messages

}  // namespace

StoreHandle store_in(const Blob& blob) { return *blob.handle<StoreHandle>(kStoreHandle); }

void put_store(StoreHandle handle, Blob& blob) {
  blob.set_handle(std::make_shared<StoreHandle>(std::move(handle)), kStoreHandle);
}

}  // namespace headrace::comm
