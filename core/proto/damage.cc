#include "core/proto/damage.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/unknown_field_set.h>

#include "core/proto/net_io.h"

namespace headrace {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

enum WireType : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

WireType wire_type_of(const FieldDescriptor& field) {
  switch (field.type()) {
    case FieldDescriptor::TYPE_DOUBLE:
    case FieldDescriptor::TYPE_FIXED64:
    case FieldDescriptor::TYPE_SFIXED64:
      return kFixed64;
    case FieldDescriptor::TYPE_FLOAT:
    case FieldDescriptor::TYPE_FIXED32:
    case FieldDescriptor::TYPE_SFIXED32:
      return kFixed32;
    case FieldDescriptor::TYPE_STRING:
    case FieldDescriptor::TYPE_BYTES:
    case FieldDescriptor::TYPE_MESSAGE:
      return kBytes;
    default:
      return kVarint;
  }
}

// Walks one encoded message and everything in it, up to the first fault.
class DamageFinder {
 public:
  explicit DamageFinder(std::string_view bytes) : whole_(bytes) {}

  // True if sound; else fault() says what is wrong.
  bool walk(const Descriptor& type, std::string_view bytes) {
    if (static_cast<int>(path_.size()) >= kMaxMessageDepth) {
      return fault_at(bytes, fmt::format("nested deeper than {} levels", kMaxMessageDepth));
    }
    std::map<int, int> seen;
    while (!bytes.empty()) {
      const std::string_view start = bytes;
      const std::optional<uint64_t> tag = varint(bytes);
      if (!tag) return fault_at(start, "the tag of a field is cut off or too long");
      const auto number = static_cast<int>(*tag >> 3 & 0x1fffffff);
      const FieldDescriptor* field = *tag >> 32 == 0 ? type.FindFieldByNumber(number) : nullptr;
      if (field == nullptr) {
        return fault_at(start,
                        fmt::format("field {}, which {} does not have", *tag >> 3, type.name()));
      }
      path_.push_back(field->is_repeated() ? fmt::format("{}[{}]", field->name(), seen[number]++)
                                           : field->name());
      if (!walk_value(*field, static_cast<uint32_t>(*tag & 7), start, bytes)) return false;
      path_.pop_back();
    }
    return true;
  }

  const std::string& fault() const { return fault_; }

 private:
  bool walk_value(const FieldDescriptor& field, uint32_t wire_type, std::string_view start,
                  std::string_view& bytes) {
    const WireType expected = wire_type_of(field);
    const bool packed = wire_type == kBytes && field.is_packable();
    if (wire_type != expected && !packed) {
      return fault_at(start, fmt::format("encoded as type {} where {} is expected", wire_type,
                                         static_cast<uint32_t>(expected)));
    }
    if (wire_type != kBytes) return walk_scalar(field, expected, bytes);

    const std::optional<uint64_t> length = varint(bytes);
    if (!length) return fault_at(start, "its length is cut off or too long");
    if (*length > bytes.size()) {
      return fault_at(start, fmt::format("claims {} bytes, {} are left", *length, bytes.size()));
    }
    std::string_view content = bytes.substr(0, *length);
    bytes.remove_prefix(*length);
    if (packed) {
      while (!content.empty()) {
        if (!walk_scalar(field, expected, content)) return false;
      }
      return true;
    }
    return field.message_type() == nullptr || walk(*field.message_type(), content);
  }

  bool walk_scalar(const FieldDescriptor& field, WireType type, std::string_view& bytes) {
    const std::string_view start = bytes;
    if (type != kVarint) {
      const size_t size = type == kFixed64 ? 8 : 4;
      if (bytes.size() < size) {
        return fault_at(start, fmt::format("takes {} bytes, {} are left", size, bytes.size()));
      }
      bytes.remove_prefix(size);
      return true;
    }
    const std::optional<uint64_t> value = varint(bytes);
    if (!value) return fault_at(start, "its number is cut off or too long");
    if (field.enum_type() != nullptr &&
        field.enum_type()->FindValueByNumber(static_cast<int>(*value)) == nullptr) {
      return fault_at(start, fmt::format("{} is not a {}", *value, field.enum_type()->name()));
    }
    return true;
  }

  static std::optional<uint64_t> varint(std::string_view& bytes) {
    uint64_t value = 0;
    const size_t limit = std::min<size_t>(bytes.size(), 10);
    for (size_t i = 0; i < limit; ++i) {
      const auto byte = static_cast<uint8_t>(bytes[i]);
      value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
      if (byte < 0x80) {
        bytes.remove_prefix(i + 1);
        return value;
      }
    }
    return std::nullopt;
  }

  /// `rest`: what is left of the whole at the fault.
  bool fault_at(std::string_view rest, const std::string& what) {
    fault_ = fmt::format("at byte {}", rest.data() - whole_.data());
    // Deep paths tell nothing beyond their beginning.
    constexpr size_t kShownLevels = 8;
    for (size_t i = 0; i < std::min(path_.size(), kShownLevels); ++i) {
      fault_ += (i == 0 ? ", in " : ".") + path_[i];
    }
    if (path_.size() > kShownLevels) fault_ += "…";
    fault_ += ": " + what;
    return false;
  }

  std::string_view whole_;
  std::vector<std::string> path_;
  std::string fault_;
};

// Calls visit(child) for every message directly inside `message`, until one returns false.
template <typename Visit>
bool each_child(const google::protobuf::Message& message, Visit visit) {
  const auto* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->message_type() == nullptr) continue;
    if (!field->is_repeated()) {
      if (!visit(reflection->GetMessage(message, field))) return false;
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
      if (!visit(reflection->GetRepeatedMessage(message, field, i))) return false;
    }
  }
  return true;
}

}  // namespace

std::string find_damage(const Descriptor& type, std::string_view bytes) {
  DamageFinder finder(bytes);
  finder.walk(type, bytes);
  return finder.fault();
}

bool has_unknown_fields(const google::protobuf::Message& message) {
  if (!message.GetReflection()->GetUnknownFields(message).empty()) return true;
  return !each_child(message, [](const auto& child) { return !has_unknown_fields(child); });
}

int depth_of(const google::protobuf::Message& message, int limit) {
  int deepest = 0;
  if (limit > 1) {
    each_child(message, [&](const auto& child) {
      deepest = std::max(deepest, depth_of(child, limit - 1));
      return deepest < limit - 1;
    });
  }
  return deepest + 1;
}

}  // namespace headrace
