#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace headrace {

class BlobProto;
class MetaNetDef;
class NetDef;
class PlanDef;
class TensorProtos;

/// The messages that files hold. The functions below exist for exactly these.
template <typename Message>
struct IsFileMessage {
  static constexpr bool value = false;
};
template <>
struct IsFileMessage<BlobProto> {
  static constexpr bool value = true;
};
template <>
struct IsFileMessage<MetaNetDef> {
  static constexpr bool value = true;
};
template <>
struct IsFileMessage<NetDef> {
  static constexpr bool value = true;
};
template <>
struct IsFileMessage<PlanDef> {
  static constexpr bool value = true;
};
template <>
struct IsFileMessage<TensorProtos> {
  static constexpr bool value = true;
};

template <typename Message>
concept FileMessage = IsFileMessage<Message>::value;

/// The largest file, binary or text, that can be read or written: 2 GiB less the few bytes that
/// protobuf keeps for itself.
inline constexpr uint64_t kMaxMessageBytes = (uint64_t{1} << 31) - 64;
/// The deepest nesting of messages that can be read or written; a net inside an argument of an
/// operator is three levels below the net around it.
inline constexpr int kMaxMessageDepth = 100;

enum class FileFormat { kBinary, kText };

/// Reads a file, binary or text whatever its name: both are tried, first what it looks like, and
/// the error is that of the first.
///
/// Throws one Error: kNotFound (no such file), kIo (directory, permission, read error, too large)
/// or kCorrupt: empty, damaged (with the place: byte and field, or line and column), or something
/// else than a `Message`, such as an image or another kind of message. A field that the format does
/// not have is damage too; nothing is dropped.
template <FileMessage Message>
Message load(const std::filesystem::path& path);

/// The same for content that is already in memory; `name` stands for the file in errors.
template <FileMessage Message>
Message parse(std::string_view content, std::string_view name);

/// Writes a file atomically: binary if the extension is .pb, text if it is .pbtxt or .prototxt,
/// else kInvalidArgument. What could not be read back is refused before anything is written
/// (kInvalidNet: empty, required fields missing, operators without a type, nested too deep, too
/// large), so load() always succeeds on what save() has written.
template <FileMessage Message>
void save(const Message& message, const std::filesystem::path& path);

/// The content that save() would write.
template <FileMessage Message>
std::string serialize(const Message& message, FileFormat format);

/// load<NetDef> and save<NetDef>, the pair that most callers want.
NetDef load_net(const std::filesystem::path& path);
void save_net(const NetDef& net, const std::filesystem::path& path);

}  // namespace headrace
