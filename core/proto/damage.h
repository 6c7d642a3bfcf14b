#pragma once

#include <string>
#include <string_view>

namespace google::protobuf {
class Descriptor;
class Message;
}  // namespace google::protobuf

namespace headrace {

/// Says where and why `bytes` are not the binary form of a message of type `type`, for example
/// "at byte 412, in op[3].arg[0]: field 'floats' claims 400 bytes, 17 are left"; empty if the
/// encoding is sound. Reads the encoding itself, in time linear in its size, and keeps nothing.
std::string find_damage(const google::protobuf::Descriptor& type, std::string_view bytes);

/// True if a field anywhere in `message` is unknown to its type.
bool has_unknown_fields(const google::protobuf::Message& message);

/// Depth of the deepest message in `message`, itself being 1; counts no further than `limit`.
int depth_of(const google::protobuf::Message& message, int limit);

}  // namespace headrace
