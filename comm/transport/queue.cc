#include "comm/transport/queue.h"

#include <fmt/format.h>

namespace headrace::comm {

std::string difference(const Message& expected, const Found& found) {
  if (found.op != expected.op) {
    return fmt::format("a message of ticket {} came where one of ticket {} was expected", found.op,
                       expected.op);
  }
  if (found.signature != expected.signature) {
    return fmt::format("a message of ticket {} belongs to another collective", found.op);
  }
  if (found.index != expected.index || found.bytes != expected.bytes) {
    return fmt::format("message {} of {} bytes came where message {} of {} bytes was expected",
                       found.index, found.bytes, expected.index, expected.bytes);
  }
  return {};
}

}  // namespace headrace::comm
