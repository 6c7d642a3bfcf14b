#pragma once

#include <cstddef>
#include <string_view>

#include "core/function_ref.h"

namespace google::protobuf {
class Message;
}

namespace headrace {

/// Parses the binary form into `message`: the same result as protobuf's own parser, which reads all
/// but the long lists of numbers, in memory that hardly exceeds the result. Such lists get their
/// final size at once, and `consumed` hears, every few hundred KB, up to which byte the content has
/// been read for good, so that a mapped file need not be resident. Messages of at most `piece`
/// bytes go to protobuf as they are, larger ones are taken apart. False where `bytes` are damaged
/// or nested deeper than kMaxMessageDepth; required fields are not checked.
bool parse_binary(std::string_view bytes, google::protobuf::Message& message,
                  function_ref<void(size_t)> consumed, size_t piece = 256 << 10);

}  // namespace headrace
