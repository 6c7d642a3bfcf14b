#include "core/proto/binary_format.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/message.h>

#include "core/allocator.h"
#include "core/proto/net_io.h"
#include "core/proto/weights.h"

namespace headrace {
namespace {

namespace io = google::protobuf::io;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

static_assert(std::endian::native == std::endian::little, "floats are copied as they are stored");

constexpr uint32_t kVarint = 0;
constexpr uint32_t kFixed64 = 1;
constexpr uint32_t kBytes = 2;
constexpr uint32_t kFixed32 = 5;

google::protobuf::RepeatedField<float>* floats_of(Message& message, int field) {
  const WeightList list = weights_of(message);
  return list.field == field ? list.floats : nullptr;
}

google::protobuf::RepeatedField<int64_t>* integers_of(Message& message, int field) {
  auto* arg = dynamic_cast<Argument*>(&message);
  return arg != nullptr && field == Argument::kIntsFieldNumber ? arg->mutable_ints() : nullptr;
}

class Reader {
 public:
  Reader(std::string_view bytes, size_t piece, function_ref<void(size_t)> consumed)
      : begin_(bytes.data()), piece_(piece), consumed_(consumed) {}

  bool read(Message& message, std::string_view bytes, int depth) {
    if (depth >= kMaxMessageDepth) return false;
    const char* pending = bytes.data();  // up to here everything is in the message
    const auto flush = [&](const char* end) {
      const std::string_view fields(pending, static_cast<size_t>(end - pending));
      pending = end;
      return merge(message, fields, depth);
    };
    std::string_view rest = bytes;
    while (rest.size() > piece_) {
      const char* start = rest.data();
      if (start - pending >= static_cast<ptrdiff_t>(piece_) && !flush(start)) return false;
      const std::optional<uint64_t> tag = varint(rest);
      if (!tag || *tag >> 32 != 0) return false;
      const auto number = static_cast<int>(*tag >> 3);
      const auto wire_type = static_cast<uint32_t>(*tag & 7);
      if (wire_type == kFixed32) {
        auto* list = floats_of(message, number);
        if (list == nullptr || rest.data() - start != 1) {
          if (!skip(rest, 4)) return false;
          continue;
        }
        if (rest.size() < 4 || !flush(start)) return false;
        rest = read_unpacked({start, rest.size() + 1}, *list);
        pending = rest.data();
      } else if (wire_type == kBytes) {
        const std::optional<uint64_t> length = varint(rest);
        const char* content = rest.data();
        if (!length || !skip(rest, *length)) return false;
        if (*length <= piece_) continue;
        const FieldDescriptor* field = message.GetDescriptor()->FindFieldByNumber(number);
        auto* list = floats_of(message, number);
        const bool nested = field != nullptr && field->message_type() != nullptr;
        if (!nested && list == nullptr) continue;
        if (!flush(start)) return false;
        const bool sound = nested ? read(child_of(message, *field), {content, *length}, depth + 1)
                                  : read_packed({content, *length}, *list);
        if (!sound) return false;
        pending = rest.data();
      } else if (wire_type == kVarint) {
        auto* list = integers_of(message, number);
        if (list != nullptr && list->Capacity() == 0) list->Reserve(count_unpacked(start, bytes));
        if (!varint(rest)) return false;
      } else if (wire_type != kFixed64 || !skip(rest, 8)) {
        return false;  // groups, which the format does not have
      }
    }
    return flush(bytes.data() + bytes.size());
  }

 private:
  bool merge(Message& message, std::string_view fields, int depth) {
    io::CodedInputStream stream(reinterpret_cast<const uint8_t*>(fields.data()),
                                static_cast<int>(fields.size()));
    stream.SetRecursionLimit(kMaxMessageDepth - 1 - depth);  // it does not count the outermost
    const bool merged =
        message.MergePartialFromCodedStream(&stream) && stream.ConsumedEntireMessage();
    if (merged) report(fields.data() + fields.size());
    return merged;
  }

  static Message& child_of(Message& message, const FieldDescriptor& field) {
    const auto* reflection = message.GetReflection();
    return field.is_repeated() ? *reflection->AddMessage(&message, &field)
                               : *reflection->MutableMessage(&message, &field);
  }

  static void reserve_more(google::protobuf::RepeatedField<float>& list, size_t count) {
    list.Reserve(list.size() + static_cast<int>(count));
    prefer_huge_pages(list.mutable_data() + list.size(), count * sizeof(float));
  }

  // Appends the numbers of unpacked fields that follow each other, each behind its tag of one byte;
  // at least one. Returns what comes after them.
  std::string_view read_unpacked(std::string_view rest,
                                 google::protobuf::RepeatedField<float>& list) {
    constexpr size_t kRecord = 1 + sizeof(float);
    const char tag = rest.front();
    // Most likely nothing else follows. Memory that is not used is not touched either.
    reserve_more(list, rest.size() / kRecord);
    while (true) {
      const size_t most = std::min(rest.size(), std::max(piece_, kRecord)) / kRecord;
      size_t count = 0;
      while (count < most && rest[count * kRecord] == tag) ++count;
      if (count == 0) return rest;
      float* target = list.AddNAlreadyReserved(static_cast<int>(count));
      const char* source = rest.data() + 1;
      for (size_t i = 0; i < count; ++i) {
        std::memcpy(target + i, source + i * kRecord, sizeof(float));
      }
      rest.remove_prefix(count * kRecord);
      report(rest.data());
    }
  }

  bool read_packed(std::string_view bytes, google::protobuf::RepeatedField<float>& list) {
    if (bytes.size() % sizeof(float) != 0) return false;
    reserve_more(list, bytes.size() / sizeof(float));
    while (!bytes.empty()) {
      const size_t count = std::min(bytes.size(), std::max(piece_, sizeof(float))) / sizeof(float);
      std::memcpy(list.AddNAlreadyReserved(static_cast<int>(count)), bytes.data(),
                  count * sizeof(float));
      bytes.remove_prefix(count * sizeof(float));
      report(bytes.data());
    }
    return true;
  }

  // How many unpacked integers with the same tag follow each other from `start` on.
  static int count_unpacked(const char* start, std::string_view message) {
    std::string_view rest = message.substr(static_cast<size_t>(start - message.data()));
    const char tag = rest.front();
    int count = 0;
    while (!rest.empty() && rest.front() == tag) {
      rest.remove_prefix(1);
      if (!varint(rest)) break;
      ++count;
    }
    return count;
  }

  static bool skip(std::string_view& rest, uint64_t bytes) {
    if (bytes > rest.size()) return false;
    rest.remove_prefix(bytes);
    return true;
  }

  static std::optional<uint64_t> varint(std::string_view& rest) {
    uint64_t value = 0;
    const size_t limit = std::min<size_t>(rest.size(), 10);
    for (size_t i = 0; i < limit; ++i) {
      const auto byte = static_cast<uint8_t>(rest[i]);
      value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
      if (byte < 0x80) {
        rest.remove_prefix(i + 1);
        return value;
      }
    }
    return std::nullopt;
  }

  void report(const char* position) { consumed_(static_cast<size_t>(position - begin_)); }

  const char* begin_;
  size_t piece_;
  function_ref<void(size_t)> consumed_;
};

}  // namespace

bool parse_binary(std::string_view bytes, google::protobuf::Message& message,
                  function_ref<void(size_t)> consumed, size_t piece) {
  message.Clear();
  return Reader(bytes, piece, consumed).read(message, bytes, 0);
}

}  // namespace headrace
