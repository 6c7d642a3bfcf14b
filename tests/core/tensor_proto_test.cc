// Tensors in messages: what Caffe2 itself has written (tests/core/golden/blobs/make.py) is read and
// written again byte by byte; sizes and values are checked against the shape and the type.
#include "core/proto/tensor_proto.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/proto/net.pb.h"
#include "core/proto/net_io.h"
#include "tests/core/element_pattern.h"
#include "tests/support/expect_error.h"
#include "tests/support/paths.h"
#include "tests/support/temp_folder.h"

namespace headrace {
namespace {

using testing::expect_error;
using testing::pattern_tensor;

const std::filesystem::path kData = source_dir() / "tests/core/golden/blobs";

TensorProto parse_tensor(std::string_view text) {
  return parse<TensorProtos>("protos {" + std::string(text) + "}", "a.pbtxt").protos(0);
}

template <typename T>
class TensorProtoOf : public ::testing::Test {};
using Types = ::testing::Types<float, double, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
                               bool, std::string>;
TYPED_TEST_SUITE(TensorProtoOf, Types);

TYPED_TEST(TensorProtoOf, ReadsAndWritesWhatCaffe2Writes) {
  const auto path = kData / (std::string(name_of(dtype_of<TypeParam>())) + ".pb");
  const auto blob = load<BlobProto>(path);
  const Tensor tensor = tensor_from(blob.tensor());
  const Tensor expected = pattern_tensor<TypeParam>({2, 3});
  EXPECT_EQ(tensor.desc(), expected.desc());
  EXPECT_TRUE(std::ranges::equal(tensor.data<TypeParam>(), expected.data<TypeParam>()));

  BlobProto written;
  written.set_name("x");
  written.set_type("Tensor");
  assign(*written.mutable_tensor(), expected, {0, expected.numel()});
  written.mutable_tensor()->set_name("x");
  written.mutable_tensor()->mutable_device_detail()->set_device_type(PROTO_CPU);
  EXPECT_EQ(written.SerializeAsString(), testing::read_file(path));
}

TYPED_TEST(TensorProtoOf, WholeTensorsRoundTrip) {
  for (const Shape& shape : {Shape{}, Shape{5}, Shape{0, 3}, Shape{2, 1, 3}}) {
    const Tensor tensor = pattern_tensor<TypeParam>(shape);
    TensorProto proto;
    proto.add_dims(99);
    proto.set_raw_data("left over");
    assign(proto, tensor);
    EXPECT_FALSE(proto.has_segment());
    const Tensor back = tensor_from(proto);
    EXPECT_EQ(back.desc(), tensor.desc());
    EXPECT_TRUE(std::ranges::equal(back.data<TypeParam>(), tensor.data<TypeParam>()));
  }
}

TYPED_TEST(TensorProtoOf, PartsMakeTheWhole) {
  const Tensor tensor = pattern_tensor<TypeParam>({4, 5});
  Tensor whole({4, 5}, tensor.dtype());
  for (const TensorSegment segment :
       {TensorSegment{13, 20}, TensorSegment{0, 7}, TensorSegment{7, 13}, TensorSegment{7, 7}}) {
    TensorProto proto;
    assign(proto, tensor, segment);
    EXPECT_EQ(segment_of(proto), segment);
    copy_segment(proto, whole);
    if (segment.begin != segment.end) {
      expect_error(ErrorCode::kCorrupt, "only elements [", [&] { tensor_from(proto); });
    }
  }
  EXPECT_TRUE(std::ranges::equal(whole.data<TypeParam>(), tensor.data<TypeParam>()));
}

TYPED_TEST(TensorProtoOf, RawDataHoldsTheBytesOfTheElements) {
  if constexpr (!std::is_same_v<TypeParam, std::string>) {
    const Tensor tensor = pattern_tensor<TypeParam>({2, 3});
    TensorProto proto;
    assign(proto, tensor);
    TensorProto raw;
    *raw.mutable_dims() = proto.dims();
    raw.set_data_type(proto.data_type());
    raw.set_raw_data(tensor.raw(), tensor.bytes());
    const Tensor back = tensor_from(raw);
    EXPECT_TRUE(std::ranges::equal(back.data<TypeParam>(), tensor.data<TypeParam>()));
    raw.mutable_raw_data()->push_back('\0');
    expect_error(ErrorCode::kCorrupt, "in raw_data", [&] { tensor_from(raw); });
  }
}

TEST(TensorProto, HalfPrecisionKeepsItsBits) {
  // -1.5, -0.75, 0, 0.75, 1.5, 2.25 in IEEE 754 binary16.
  const std::vector<uint16_t> bits = {0xbe00, 0xba00, 0x0000, 0x3a00, 0x3e00, 0x4080};
  const Tensor tensor = tensor_from(load<BlobProto>(kData / "float16.pb").tensor());
  EXPECT_EQ(tensor.dtype(), DType::kFloat16);
  EXPECT_EQ(std::memcmp(tensor.raw(), bits.data(), tensor.bytes()), 0);
  TensorProto proto;
  assign(proto, tensor);
  EXPECT_TRUE(std::equal(bits.begin(), bits.end(), proto.int32_data().begin()));
}

TEST(TensorProto, BytesAreUnsigned) {
  const Tensor image =
      tensor_from(parse_tensor("dims: 3 data_type: BYTE byte_data: '\\377\\000a'"));
  EXPECT_EQ(image.dtype(), DType::kUInt8);
  EXPECT_TRUE(std::ranges::equal(image.data<uint8_t>(), std::vector<uint8_t>{255, 0, 'a'}));
  const Tensor same = tensor_from(parse_tensor("dims: 1 data_type: UINT8 byte_data: '\\377'"));
  EXPECT_EQ(same.item<uint8_t>(), 255);
}

TEST(TensorProto, FloatsAsBfloat16) {
  const Tensor tensor = tensor_from(
      parse_tensor("dims: 2 data_format: 1 raw_data: '\\200\\077\\100\\300'"));  // 3f80, c040
  EXPECT_TRUE(std::ranges::equal(tensor.data<float>(), std::vector<float>{1, -3}));
  expect_error(ErrorCode::kCorrupt, "cannot stand in float_data",
               [] { tensor_from(parse_tensor("dims: 1 data_format: 1 float_data: 1")); });
  expect_error(ErrorCode::kUnsupported, "data_format 7",
               [] { tensor_from(parse_tensor("dims: 1 data_format: 7 raw_data: 'ab'")); });
}

TEST(TensorProto, WrongContent) {
  const auto refuse = [](std::string_view text, std::string_view part,
                         ErrorCode code = ErrorCode::kCorrupt) {
    const TensorProto proto = parse_tensor(text);
    expect_error(code, part, [&] { tensor_from(proto); });
    if (code == ErrorCode::kCorrupt) {
      Tensor target(desc_of(proto).shape.numel() < 100 ? desc_of(proto).shape : Shape{},
                    desc_of(proto).dtype);
      expect_error(target.desc() == desc_of(proto) ? code : ErrorCode::kShapeMismatch,
                   [&] { copy_segment(proto, target); });
    }
  };
  refuse("dims: 3 float_data: 1 float_data: 2", "should have 3 elements, found 2 in float_data");
  refuse("dims: 1 float_data: 1 float_data: 2", "should have 1 elements, found 2");
  refuse("dims: 1000000000000 float_data: 1", "should have 1000000000000 elements, found 1");
  refuse("dims: 3 data_type: STRING", "should have 3 elements, found 0 in no field");
  refuse("dims: 1 raw_data: 'abc'", "found 3 bytes in raw_data");
  refuse("dims: 2 float_data: 1 int64_data: 2", "elements in float_data and in int64_data");
  refuse("dims: 1 int32_data: 1", "FLOAT tensor cannot stand in int32_data");
  refuse("dims: 1 data_type: STRING raw_data: 'a'", "cannot stand in raw_data");
  refuse("dims: 2 data_type: INT8 int32_data: 1 int32_data: 128", "element 1 is 128, out of");
  refuse("dims: 1 data_type: UINT16 int32_data: -1", "element 0 is -1, out of the range of UINT16");
  refuse("dims: 1 data_type: BOOL int32_data: 2", "out of the range of BOOL");
  refuse("dims: 2 data_type: BOOL raw_data: '\\001\\002'",
         "element 1 is 2, out of the range of BOOL");
  refuse("dims: 4 float_data: 1 segment { begin: 3 end: 5 }", "segment [3, 5) is not within");
  refuse("dims: 4 float_data: 1 segment { begin: -1 end: 0 }", "segment [-1, 0) is not within");
  refuse("dims: 4 float_data: 1 segment { begin: 3 end: 2 }", "segment [3, 2) is not within");
  refuse("dims: -1", "must not be negative", ErrorCode::kShapeMismatch);
  refuse("dims: 4611686018427387904 dims: 4", "overflows", ErrorCode::kShapeMismatch);
  refuse("data_type: UNDEFINED", "type UNDEFINED has no elements", ErrorCode::kUnsupported);
  refuse("name: 'w' dims: 1", "blob 'w'");
}

TEST(TensorProto, TypesByNumber) {
  for (int type = TensorProto::DataType_MIN; type <= TensorProto::DataType_MAX; ++type) {
    const DType dtype = dtype_of_proto(type);
    if (dtype == DType::kUndefined) continue;
    EXPECT_EQ(proto_of_dtype(dtype), type == TensorProto::BYTE ? TensorProto::UINT8 : type);
  }
  EXPECT_EQ(dtype_of_proto(TensorProto::BYTE), DType::kUInt8);
  EXPECT_EQ(dtype_of_proto(TensorProto::REBATCHING_BUFFER), DType::kUndefined);
  EXPECT_EQ(dtype_of_proto((int64_t{1} << 32) + 1), DType::kUndefined);
}

TEST(TensorProto, NoTypeForBfloat16) {
  TensorProto proto;
  expect_error(ErrorCode::kUnsupported, "cast to float32 first",
               [&] { assign(proto, Tensor({1}, DType::kBFloat16)); });
}

}  // namespace
}  // namespace headrace
