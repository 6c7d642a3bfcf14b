// Whatever a file holds, loading it gives a message or exactly one Error, and nothing on stderr.
#include <filesystem>
#include <string>

#include <google/protobuf/unknown_field_set.h>
#include <gtest/gtest.h>

#include "core/proto/metanet.pb.h"
#include "core/proto/net.pb.h"
#include "core/proto/net_io.h"
#include "tests/core/random_message.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace headrace {
namespace {

using testing::expect_error;
using testing::MessageFiller;
using testing::TempFolder;
using testing::write_file;

NetDef small_net() {
  NetDef net;
  net.set_name("small");
  auto* op = net.add_op();
  op->set_type("Conv");
  op->add_input("data");
  op->add_input("conv1_w");
  op->add_output("conv1");
  auto* kernel = op->add_arg();
  kernel->set_name("kernel");
  kernel->set_i(3);
  auto* scales = op->add_arg();
  scales->set_name("scales");
  scales->add_floats(0.5F);
  scales->add_floats(-2.0F);
  op->mutable_device_option()->set_device_type(1);
  auto* body = net.add_op()->add_arg()->mutable_n();
  net.mutable_op(1)->set_type("If");
  body->add_op()->set_type("Relu");
  net.add_external_input("data");
  return net;
}

// Parses `content`; an Error of the right kind is as good as a net.
void expect_net_or_error(const std::string& content, std::string_view name) {
  try {
    const auto net = parse<NetDef>(content, name);
    EXPECT_GT(net.ByteSizeLong(), 0U);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCorrupt) << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << "one line each";
  }
}

class DamagedNet : public ::testing::TestWithParam<FileFormat> {
 protected:
  void SetUp() override { ::testing::internal::CaptureStderr(); }
  void TearDown() override { EXPECT_EQ(::testing::internal::GetCapturedStderr(), ""); }

  const std::string name_ = GetParam() == FileFormat::kText ? "a.pbtxt" : "a.pb";
};

TEST_P(DamagedNet, EveryPrefix) {
  const std::string content = serialize(small_net(), GetParam());
  for (size_t size = 0; size < content.size(); ++size) {
    expect_net_or_error(content.substr(0, size), name_);
  }
}

TEST_P(DamagedNet, EveryBitFlip) {
  std::string content = serialize(small_net(), GetParam());
  for (size_t bit = 0; bit < content.size() * 8; ++bit) {
    content[bit / 8] = static_cast<char>(content[bit / 8] ^ (1 << bit % 8));
    expect_net_or_error(content, name_);
    content[bit / 8] = static_cast<char>(content[bit / 8] ^ (1 << bit % 8));
  }
}

TEST_P(DamagedNet, RandomDamageOfRandomNets) {
  for (int seed = 0; seed < 20; ++seed) {
    NetDef net;
    MessageFiller(seed).fill(net);
    std::string content = serialize(net, GetParam());
    std::mt19937 random(seed);
    for (int i = 0; i < 20; ++i) {
      content[random() % content.size()] = static_cast<char>(random());
      if (i % 3 == 0) content.erase(random() % content.size(), random() % 10);
      if (content.empty()) break;
      expect_net_or_error(content, name_);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, DamagedNet,
                         ::testing::Values(FileFormat::kBinary, FileFormat::kText));

TEST(BadInput, BinaryDamageIsLocated) {
  const std::string content = serialize(small_net(), FileFormat::kBinary);
  expect_error(ErrorCode::kCorrupt,
               "'a.pb' is not a NetDef in binary form: at byte 7, in op[0]: claims",
               [&] { parse<NetDef>(content.substr(0, 20), "a.pb"); });

  std::string unknown = content;
  unknown += std::string("\x52\x01x", 3);  // field 10, as an ONNX file might have it
  expect_error(ErrorCode::kCorrupt, "field 10, which NetDef does not have",
               [&] { parse<NetDef>(unknown, "a.pb"); });

  NetDef net = small_net();
  net.mutable_op(0)->mutable_arg(1)->mutable_unknown_fields()->AddVarint(99, 1);
  expect_error(ErrorCode::kCorrupt, "in op[0].arg[1]: field 99, which Argument does not have",
               [&] { parse<NetDef>(net.SerializeAsString(), "a.pb"); });
}

TEST(BadInput, TextDamageIsLocated) {
  expect_error(ErrorCode::kCorrupt, "2:7: Message type \"headrace.OperatorDef\" has no field named",
               [] { parse<NetDef>("op {\n  typo: \"Conv\"\n}\n", "a.pbtxt"); });
  expect_error(ErrorCode::kCorrupt, "1:19: Expected integer, got: many",
               [] { parse<NetDef>("num_workers:      many", "a.pbtxt"); });
  expect_error(ErrorCode::kCorrupt, "2:1",
               [] { parse<NetDef>("op { type: \"Relu\"\n", "a.pbtxt"); });
}

TEST(BadInput, OneErrorPerKindOfFile) {
  const TempFolder folder;
  const auto expect = [&](ErrorCode code, std::string_view part, std::string_view content) {
    for (const auto* name : {"a.pb", "a.pbtxt", "a"}) {
      write_file(folder / name, content);
      expect_error(code, part, [&] { load_net(folder / name); });
    }
  };
  expect(ErrorCode::kCorrupt, "is empty, expected a NetDef", "");
  expect(ErrorCode::kCorrupt, "it holds nothing", "\n # a comment\n");
  expect(ErrorCode::kCorrupt, "1:11: Expected \":\", found \"Conv\"", "op { type Conv }");
  expect(ErrorCode::kCorrupt, "looks like a JPEG image", "\xff\xd8\xff\xe0\x00\x10JFIF");
  expect(ErrorCode::kCorrupt, "looks like an ELF binary", testing::read_file("/proc/self/exe"));
  expect(ErrorCode::kCorrupt, "looks like a Git LFS pointer",
         "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 2\n");
  expect(ErrorCode::kCorrupt, "looks like a JSON file", "{\"op\": []}");
  expect(ErrorCode::kCorrupt, "is not a NetDef", "name \n\n\n");
  expect(ErrorCode::kCorrupt, "is not a NetDef", std::string(1000, '\0'));

  expect_error(ErrorCode::kIo, "Is a directory", [&] { load_net(folder.path()); });
  expect_error(ErrorCode::kNotFound, "No such file", [&] { load_net(folder / "missing.pb"); });
}

TEST(BadInput, OtherKindsOfMessageAreNamed) {
  PlanDef plan;
  plan.set_name("plan");
  *plan.add_network() = small_net();
  plan.add_execution_step()->add_network("small");
  MetaNetDef model;
  model.add_nets()->set_key("predict");
  *model.mutable_nets(0)->mutable_value() = small_net();
  TensorProtos tensors;
  tensors.add_protos()->add_dims(1);
  tensors.mutable_protos(0)->add_float_data(1);
  BlobProto blob;
  blob.set_name("x");
  blob.set_type("Tensor");
  *blob.mutable_tensor() = tensors.protos(0);

  for (const FileFormat format : {FileFormat::kBinary, FileFormat::kText}) {
    const auto as_net = [&](const auto& message, std::string_view kind) {
      expect_error(ErrorCode::kCorrupt, fmt::format("it reads as a {}", kind),
                   [&] { parse<NetDef>(serialize(message, format), "a"); });
    };
    as_net(plan, "PlanDef");
    as_net(model, "MetaNetDef");
    as_net(tensors, "TensorProtos");
    as_net(blob, "BlobProto");
    const std::string net = serialize(small_net(), format);
    const std::string expected = "it reads as a NetDef";
    expect_error(ErrorCode::kCorrupt, expected, [&] { parse<PlanDef>(net, "a"); });
    expect_error(ErrorCode::kCorrupt, expected, [&] { parse<MetaNetDef>(net, "a"); });
    expect_error(ErrorCode::kCorrupt, expected, [&] { parse<TensorProtos>(net, "a"); });
    expect_error(ErrorCode::kCorrupt, expected, [&] { parse<BlobProto>(net, "a"); });
  }
}

TEST(BadInput, RequiredFieldsMayNotBeMissing) {
  expect_error(ErrorCode::kCorrupt, "lacks op[0].arg[0].qtensors[0].precision",
               [] { parse<NetDef>("op { type: 'X' arg { qtensors { scale: 1 } } }", "a.pbtxt"); });
}

// A field whose content is `content`: tag, length, content.
std::string field(char tag, const std::string& content) {
  std::string bytes(1, tag);
  size_t length = content.size();
  for (; length >= 0x80; length >>= 7) bytes += static_cast<char>(length | 0x80);
  bytes += static_cast<char>(length);
  return bytes.append(content);
}

// Nets in arguments of operators of nets, built from the inside out without recursion.
std::string nested_binary(int nets) {
  std::string net;
  for (int i = 0; i < nets; ++i) {
    const std::string arg = field(0x42, net);
    net = field(0x12, field(0x22, "If").append(field(0x2a, arg)));
  }
  return net;
}

std::string nested_text(int nets) {
  std::string text;
  for (int i = 0; i < nets; ++i) text += "op { type: 'If' arg { n { ";
  for (int i = 0; i < nets; ++i) text += "} } }";
  return text;
}

TEST(BadInput, RecursionBombs) {
  expect_error(ErrorCode::kCorrupt, "nested deeper than 100 levels",
               [] { parse<NetDef>(nested_binary(2000), "a.pb"); });
  expect_error(ErrorCode::kCorrupt, "deep", [] { parse<NetDef>(nested_text(200000), "a.pbtxt"); });
}

TEST(BadInput, DeepestNestingIsTheSameForAll) {
  // 33 nets, each with an operator, an argument and the net in it: 100 levels.
  const auto net = parse<NetDef>(nested_binary(33), "a.pb");
  EXPECT_EQ(parse<NetDef>(nested_text(33), "a.pbtxt").SerializeAsString(), net.SerializeAsString());
  EXPECT_EQ(serialize(net, FileFormat::kBinary), net.SerializeAsString());

  NetDef deeper = net;
  for (NetDef* inner = &deeper;;) {
    if (inner->op_size() == 0) {
      inner->mutable_device_option();
      break;
    }
    inner = inner->mutable_op(0)->mutable_arg(0)->mutable_n();
  }
  expect_error(ErrorCode::kInvalidNet, "nested deeper than 100 levels",
               [&] { serialize(deeper, FileFormat::kBinary); });
  expect_error(ErrorCode::kCorrupt, "nested deeper than 100 levels",
               [&] { parse<NetDef>(deeper.SerializeAsString(), "a.pb"); });
  expect_error(ErrorCode::kCorrupt, "deep",
               [&] { parse<NetDef>(deeper.DebugString(), "a.pbtxt"); });
}

}  // namespace
}  // namespace headrace
