#include "core/proto/tensor_header.h"

#include <initializer_list>

#include <google/protobuf/io/coded_stream.h>

#include "core/error.h"
#include "core/proto/net.pb.h"
#include "core/proto/tensor_proto.h"

namespace headrace {
namespace {

/// A field of a message as it is written.
struct Field {
  int number = 0;
  std::string_view whole;    // with its tag
  std::string_view content;  // of one with a length, else empty
};

/// The fields of a message, one after the other.
class Fields {
 public:
  explicit Fields(std::string_view bytes)
      : bytes_(bytes),
        in_(reinterpret_cast<const uint8_t*>(bytes.data()), static_cast<int>(bytes.size())) {}

  bool next(Field& field) {
    const int begin = in_.CurrentPosition();
    const uint32_t tag = in_.ReadTagNoLastTag();
    if (tag == 0) {
      check(in_.CurrentPosition() == static_cast<int>(bytes_.size()));
      return false;
    }
    field.number = static_cast<int>(tag >> 3);
    field.content = {};
    uint64_t value = 0;
    uint32_t fixed = 0;
    int length = 0;
    switch (tag & 7) {
      case 0:
        check(in_.ReadVarint64(&value));
        break;
      case 1:
        check(in_.ReadLittleEndian64(&value));
        break;
      case 2:
        check(in_.ReadVarintSizeAsInt(&length));
        field.content = piece(in_.CurrentPosition(), length);
        check(in_.Skip(length));
        break;
      case 5:
        check(in_.ReadLittleEndian32(&fixed));
        break;
      default:
        check(false);
    }
    field.whole = piece(begin, in_.CurrentPosition() - begin);
    return true;
  }

 private:
  std::string_view piece(int begin, int length) const {
    check(length >= 0 && length <= static_cast<int>(bytes_.size()) - begin);
    return bytes_.substr(static_cast<size_t>(begin), static_cast<size_t>(length));
  }

  static void check(bool ok) { require(ok, ErrorCode::kCorrupt, "the record is no BlobProto"); }

  std::string_view bytes_;
  google::protobuf::io::CodedInputStream in_;
};

/// The message without all other fields.
template <typename Message>
Message read_fields(std::string_view bytes, std::initializer_list<int> numbers) {
  std::string kept;
  Fields fields(bytes);
  for (Field field; fields.next(field);) {
    for (int number : numbers) {
      if (field.number == number) kept += field.whole;
    }
  }
  Message message;
  require(message.ParseFromString(kept), ErrorCode::kCorrupt, "the record is no BlobProto");
  return message;
}

}  // namespace

BlobHeader blob_header(std::string_view bytes) {
  require(bytes.size() <= INT32_MAX, ErrorCode::kCorrupt, "a record of {} bytes", bytes.size());
  BlobHeader header;
  header.type = read_fields<BlobProto>(bytes, {BlobProto::kTypeFieldNumber}).type();
  Fields fields(bytes);
  for (Field field; fields.next(field);) {
    if (field.number != BlobProto::kTensorFieldNumber) continue;
    header.tensor = desc_of(read_fields<TensorProto>(
        field.content, {TensorProto::kDimsFieldNumber, TensorProto::kDataTypeFieldNumber}));
  }
  return header;
}

}  // namespace headrace
