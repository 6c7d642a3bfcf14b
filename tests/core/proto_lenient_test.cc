// What nets of others look like is accepted, and kept as it is.
#include <string>

#include <gtest/gtest.h>

#include "core/proto/net.pb.h"
#include "core/proto/net_io.h"
#include "tests/support/expect_error.h"

namespace headrace {
namespace {

NetDef parse_text(std::string_view text) { return parse<NetDef>(text, "a.pbtxt"); }

TEST(Lenient, OldNameOfTheDeviceId) {
  const NetDef net = parse_text(
      "device_option { device_type: 1 cuda_gpu_id: 3 }\n"
      "op { type: 'Relu' device_option { cuda_gpu_id:7 } }");
  EXPECT_EQ(net.device_option().device_id(), 3);
  EXPECT_EQ(net.op(0).device_option().device_id(), 7);
  EXPECT_NE(serialize(net, FileFormat::kText).find("device_id: 3"), std::string::npos);
}

TEST(Lenient, OldNameIsLeftAloneElsewhere) {
  const NetDef net = parse_text(
      "name: \"cuda_gpu_id\" # cuda_gpu_id: it's\n"
      "op { type: 'a\\'cuda_gpu_id' name: \"\\\\\" device_option { cuda_gpu_id: 1 } }");
  EXPECT_EQ(net.name(), "cuda_gpu_id");
  EXPECT_EQ(net.op(0).type(), "a'cuda_gpu_id");
  EXPECT_EQ(net.op(0).name(), "\\");
  EXPECT_EQ(net.op(0).device_option().device_id(), 1);
  testing::expect_error(ErrorCode::kCorrupt, "no field named \"my_cuda_gpu_id\"",
                        [] { parse_text("device_option { my_cuda_gpu_id: 1 }"); });
}

TEST(Lenient, OldNameKeepsErrorPositions) {
  testing::expect_error(ErrorCode::kCorrupt,
                        "1:34: ", [] { parse_text("device_option { cuda_gpu_id: 1 } ?"); });
}

TEST(Lenient, PresenceOfEmptyThings) {
  const NetDef net =
      parse_text("name: \"\" op { name: \"\" type: \"Relu\" engine: \"\" device_option { } }");
  EXPECT_TRUE(net.has_name());
  EXPECT_TRUE(net.op(0).has_engine());
  EXPECT_TRUE(net.op(0).has_device_option());
  EXPECT_EQ(serialize(net, FileFormat::kText),
            "name: \"\"\nop {\n  name: \"\"\n  type: \"Relu\"\n  device_option {\n  }\n"
            "  engine: \"\"\n}\n");
}

TEST(Lenient, TextInAllItsSpellings) {
  const NetDef net = parse_text(
      "# comment\nop: < type: 'Relu', arg: { name: 'a' floats: [1, 2.5f, 3e0]; } >\r\n"
      "op { type: 'Con' 'cat' arg { name: 'b' ints: 0x10 ints: -010 f: -inf } }");
  ASSERT_EQ(net.op_size(), 2);
  EXPECT_EQ(net.op(0).arg(0).floats_size(), 3);
  EXPECT_EQ(net.op(0).arg(0).floats(1), 2.5F);
  EXPECT_EQ(net.op(1).type(), "Concat");
  EXPECT_EQ(net.op(1).arg(0).ints(0), 16);
  EXPECT_EQ(net.op(1).arg(0).ints(1), -8);
}

// Bytes below follow the encoding as its specification describes it, not our own writer.
TEST(Lenient, PackedAndUnpackedLists) {
  const std::string head("\x12\x16\x22\x04Relu\x2a\x0e", 10);
  const auto floats_of = [&](const std::string& arg) {
    return parse<NetDef>(head + arg, "a.pb").op(0).arg(0);
  };
  const Argument packed = floats_of(std::string("\x0a\x02xs\x2a\x08\0\0\x80\x3f\0\0\0\x40", 14));
  const Argument unpacked = floats_of(std::string("\x0a\x02xs\x2d\0\0\x80\x3f\x2d\0\0\0\x40", 14));
  ASSERT_EQ(packed.floats_size(), 2);
  EXPECT_EQ(packed.floats(0), 1.0F);
  EXPECT_EQ(packed.floats(1), 2.0F);
  EXPECT_EQ(packed.SerializeAsString(), unpacked.SerializeAsString());

  const auto tensors = [](const std::string& tensor) {
    return parse<TensorProtos>(std::string("\x0a\x04", 2) + tensor, "a.pb").protos(0);
  };
  const TensorProto list = tensors(std::string("\x22\x02\x05\x06", 4));
  ASSERT_EQ(list.int32_data_size(), 2);
  EXPECT_EQ(list.SerializeAsString(),
            tensors(std::string("\x20\x05\x20\x06", 4)).SerializeAsString());
}

TEST(Lenient, FieldsInAnyOrder) {
  NetDef net;
  net.set_name("n");
  net.add_op()->set_type("Relu");
  net.add_external_input("x");
  NetDef head, tail;
  head.add_external_input("x");
  tail.set_name("n");
  tail.add_op()->set_type("Relu");
  const auto read = parse<NetDef>(head.SerializeAsString() + tail.SerializeAsString(), "a.pb");
  EXPECT_EQ(read.SerializeAsString(), net.SerializeAsString());
}

}  // namespace
}  // namespace headrace
