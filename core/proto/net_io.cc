#include "core/proto/net_io.h"

#include <algorithm>
#include <exception>
#include <optional>

#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/logging.h>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/file_bytes.h"
#include "core/file_kind.h"
#include "core/proto/binary_format.h"
#include "core/proto/damage.h"
#include "core/proto/metanet.pb.h"
#include "core/proto/net.pb.h"
#include "core/proto/recognise.h"
#include "core/proto/text_format.h"

namespace headrace {
namespace {

namespace io = google::protobuf::io;

// Another kind is only looked for in content that is quickly read again.
constexpr size_t kMaxGuessBytes = 64 << 20;

std::optional<FileFormat> format_of_extension(const std::filesystem::path& path) {
  const std::string extension = path.extension().string();
  if (extension == ".pb") return FileFormat::kBinary;
  if (extension == ".pbtxt" || extension == ".prototxt") return FileFormat::kText;
  return std::nullopt;
}

// What a file most likely is. Text has no control characters but white space, the binary form can
// hardly do without; a file that is called text but has some was damaged.
FileFormat guess_format(std::string_view name, std::string_view content) {
  if (format_of_extension(name) == FileFormat::kText) return FileFormat::kText;
  const std::string_view head = content.substr(0, 4096);
  const bool binary = std::any_of(head.begin(), head.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && !(c >= '\t' && c <= '\r');
  });
  return binary ? FileFormat::kBinary : FileFormat::kText;
}

// What is to be read, and who hears how far that has got.
struct Content {
  std::string_view bytes;
  function_ref<void(size_t)> consumed;
};

template <typename Message>
std::string parse_binary(const Content& content, Message& message) {
  if (headrace::parse_binary(content.bytes, message, content.consumed) &&
      !has_unknown_fields(message)) {
    return {};
  }
  const std::string damage = find_damage(*Message::descriptor(), content.bytes);
  return damage.empty() ? "unreadable" : damage;
}

// Reads `content` in one format into `message`; says why it is not a `Message`, or nothing.
template <typename Message>
std::string parse_as(FileFormat format, const Content& content, Message& message) {
  std::string fault = format == FileFormat::kText
                          ? parse_text(content.bytes, message, content.consumed)
                          : parse_binary(content, message);
  if (!fault.empty()) return fault;
  if (message.ByteSizeLong() == 0) return "it holds nothing";
  if (!message.IsInitialized()) return "lacks " + message.InitializationErrorString();
  return find_implausible(message);
}

template <typename Other, typename Message>
bool reads_as_other(const Content& content) {
  if constexpr (std::is_same_v<Other, Message>) return false;
  Other other;
  return parse_as(FileFormat::kBinary, content, other).empty() ||
         parse_as(FileFormat::kText, content, other = Other()).empty();
}

// What content that is no `Message` is instead, as the end of an error message.
template <typename Message>
std::string guess(const Content& content) {
  std::string_view kind = file_kind(content.bytes);
  if (!kind.empty()) return fmt::format("; it looks like {}", kind);
  if (content.bytes.size() > kMaxGuessBytes) return {};
  if (reads_as_other<NetDef, Message>(content))
    kind = "NetDef";
  else if (reads_as_other<PlanDef, Message>(content))
    kind = "PlanDef";
  else if (reads_as_other<MetaNetDef, Message>(content))
    kind = "MetaNetDef";
  else if (reads_as_other<TensorProtos, Message>(content))
    kind = "TensorProtos";
  else if (reads_as_other<BlobProto, Message>(content))
    kind = "BlobProto";
  return kind.empty() ? std::string() : fmt::format("; it reads as a {}", kind);
}

template <typename Message>
std::string_view name_of_type() {
  return Message::descriptor()->name();
}

// Why `message` could not be read back, or nothing.
template <typename Message>
std::string find_unsavable(const Message& message) {
  if (!message.IsInitialized()) return "it lacks " + message.InitializationErrorString();
  if (depth_of(message, kMaxMessageDepth + 1) > kMaxMessageDepth) {
    return fmt::format("it is nested deeper than {} levels", kMaxMessageDepth);
  }
  const size_t size = message.ByteSizeLong();
  if (size == 0) return "it is empty";
  if (size > kMaxMessageBytes) {
    return fmt::format("it takes {} bytes, a file holds at most {}; save weights as a checkpoint",
                       size, kMaxMessageBytes);
  }
  return find_implausible(message);
}

template <typename Message>
void require_savable(const Message& message, std::string_view name) {
  const std::string fault = find_unsavable(message);
  require(fault.empty(), ErrorCode::kInvalidNet, "cannot save {}: this {} is not valid: {}", name,
          name_of_type<Message>(), fault);
}

// Carries bytes from protobuf to an AtomicFile, and its error past protobuf.
class FileSink : public io::CopyingOutputStream {
 public:
  explicit FileSink(AtomicFile& file) : file_(file) {}

  bool Write(const void* data, int size) override {
    try {
      written_ += static_cast<uint64_t>(size);
      require(written_ <= kMaxMessageBytes, ErrorCode::kInvalidNet,
              "'{}' would be larger than {} bytes as text; save it as .pb", file_.path().string(),
              kMaxMessageBytes);
      file_.write({static_cast<const char*>(data), static_cast<size_t>(size)});
      return true;
    } catch (...) {
      error_ = std::current_exception();
      return false;
    }
  }

  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  AtomicFile& file_;
  uint64_t written_ = 0;
  std::exception_ptr error_;
};

template <typename Message>
bool write_to(io::ZeroCopyOutputStream& out, const Message& message, FileFormat format) {
  return format == FileFormat::kText ? print_text(message, out)
                                     : message.SerializeToZeroCopyStream(&out);
}

template <typename Message>
Message parse(const Content& content, std::string_view name) {
  const google::protobuf::LogSilencer quiet;  // errors go into the exception, nowhere else
  require(content.bytes.size() <= kMaxMessageBytes, ErrorCode::kIo,
          "'{}' is too large: {} bytes, at most {} can be read", name, content.bytes.size(),
          kMaxMessageBytes);
  require(!content.bytes.empty(), ErrorCode::kCorrupt, "'{}' is empty, expected a {}", name,
          name_of_type<Message>());

  const FileFormat first = guess_format(name, content.bytes);
  const FileFormat second = first == FileFormat::kText ? FileFormat::kBinary : FileFormat::kText;
  Message message;
  const std::string fault = parse_as(first, content, message);
  if (fault.empty()) return message;
  message.Clear();
  if (parse_as(second, content, message).empty()) return message;
  message.Clear();
  fail(ErrorCode::kCorrupt, "'{}' is not a {} in {} form: {}{}", name, name_of_type<Message>(),
       first == FileFormat::kText ? "text" : "binary", fault, guess<Message>(content));
}

}  // namespace

template <FileMessage Message>
Message parse(std::string_view content, std::string_view name) {
  return parse<Message>(Content{content, [](size_t) {}}, name);
}

template <FileMessage Message>
Message load(const std::filesystem::path& path) {
  const FileBytes file(path, kMaxMessageBytes);
  return parse<Message>(Content{file.text(), [&](size_t until) { file.drop(until); }},
                        path.string());
}

template <FileMessage Message>
void save(const Message& message, const std::filesystem::path& path) {
  const google::protobuf::LogSilencer quiet;
  const std::optional<FileFormat> format = format_of_extension(path);
  require(format.has_value(), ErrorCode::kInvalidArgument,
          "cannot save '{}': the extension must be .pb (binary), .pbtxt or .prototxt (text)",
          path.string());
  require_savable(message, fmt::format("'{}'", path.string()));
  AtomicFile file(path);
  FileSink sink(file);
  bool written = false;
  {
    io::CopyingOutputStreamAdaptor out(&sink);
    written = write_to(out, message, *format) && out.Flush();
  }
  sink.rethrow();
  require(written, ErrorCode::kInternal, "could not encode '{}'", path.string());
  file.commit();
}

template <FileMessage Message>
std::string serialize(const Message& message, FileFormat format) {
  const google::protobuf::LogSilencer quiet;
  require_savable(message, "to memory");
  std::string content;
  io::StringOutputStream out(&content);
  require(write_to(out, message, format), ErrorCode::kInternal, "could not encode a {}",
          name_of_type<Message>());
  return content;
}

#define HEADRACE_FILE_MESSAGE(Message)                                 \
  template Message parse<Message>(std::string_view, std::string_view); \
  template Message load<Message>(const std::filesystem::path&);        \
  template void save(const Message&, const std::filesystem::path&);    \
  template std::string serialize(const Message&, FileFormat);
HEADRACE_FILE_MESSAGE(BlobProto)
HEADRACE_FILE_MESSAGE(MetaNetDef)
HEADRACE_FILE_MESSAGE(NetDef)
HEADRACE_FILE_MESSAGE(PlanDef)
HEADRACE_FILE_MESSAGE(TensorProtos)
#undef HEADRACE_FILE_MESSAGE

NetDef load_net(const std::filesystem::path& path) { return load<NetDef>(path); }

void save_net(const NetDef& net, const std::filesystem::path& path) { save(net, path); }

}  // namespace headrace
