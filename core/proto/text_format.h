#pragma once

#include <string>
#include <string_view>

#include "core/function_ref.h"

namespace google::protobuf {
class Message;
namespace io {
class ZeroCopyOutputStream;
}
}  // namespace google::protobuf

namespace headrace {

/// Parses the text form into `message`, accepting `cuda_gpu_id`, the name that DeviceOption's
/// device_id had before 2019. Returns an empty string, or the first fault as "line:column: what was
/// expected"; required fields are not checked. Lists of at least `least` floats, a line each, are
/// read much faster than protobuf reads them, to the same values; `consumed` hears up to which byte
/// the text was read for good, as in parse_binary().
std::string parse_text(std::string_view text, google::protobuf::Message& message,
                       function_ref<void(size_t)> consumed, size_t least = 64);

/// Writes the text form: ASCII only, fields in number order. False if the stream refused.
bool print_text(const google::protobuf::Message& message,
                google::protobuf::io::ZeroCopyOutputStream& out);

}  // namespace headrace
