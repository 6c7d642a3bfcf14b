#pragma once

#include <string>
#include <string_view>

namespace google::protobuf {
class Message;
namespace io {
class ZeroCopyOutputStream;
}
}  // namespace google::protobuf

namespace headrace {

/// Parses the text form into `message`, accepting `cuda_gpu_id`, the name that DeviceOption's
/// device_id had before 2019. Returns an empty string, or the first fault as "line:column: what was
/// expected"; required fields are not checked.
std::string parse_text(std::string_view text, google::protobuf::Message& message);

/// Writes the text form: ASCII only, fields in number order. False if the stream refused.
bool print_text(const google::protobuf::Message& message,
                google::protobuf::io::ZeroCopyOutputStream& out);

}  // namespace headrace
