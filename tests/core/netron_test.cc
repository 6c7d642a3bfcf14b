// Files that headrace writes pass the test by which Netron knows a Caffe2 net, unless it was said
// before that they would not.
#include "core/proto/netron.h"

#include <map>
#include <string>

#include <gtest/gtest.h>

#include "core/proto/net.pb.h"
#include "core/proto/net_io.h"
#include "tests/core/random_message.h"

namespace headrace {
namespace {

// The top-level fields of an encoded message by number, with their wire types; the order in which
// they stand in `ordered`.
std::map<uint64_t, uint64_t> top_level_tags(std::string_view bytes, bool& ordered) {
  std::map<uint64_t, uint64_t> tags;
  const auto varint = [&] {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(bytes.at(0));
      bytes.remove_prefix(1);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  uint64_t last = 0;
  while (!bytes.empty()) {
    const uint64_t tag = varint();
    tags[tag >> 3] = tag & 7;
    ordered = ordered && tag >> 3 >= last;
    last = tag >> 3;
    const uint64_t value = varint();
    if ((tag & 7) == 2) bytes.remove_prefix(value);
  }
  return tags;
}

// The test for binary files as Netron 9 makes it (its source/caffe2.js, read 2025).
bool netron_recognises(const std::string& bytes) {
  bool ordered = true;
  for (const auto& [number, type] : top_level_tags(bytes, ordered)) {
    if (number > 9 || type != (number == 4 ? 0U : 2U)) return false;
  }
  EXPECT_TRUE(ordered) << "fields are written in number order";
  if (bytes.size() <= 3) return false;
  if (bytes[0] == 0x12) return true;
  const auto size = static_cast<unsigned char>(bytes[1]);
  if (bytes[0] != 0x0a || size >= 64 || bytes.size() <= size + 3U) return false;
  for (int i = 0; i < size; ++i) {
    if (bytes[2 + i] < 32) return false;
  }
  return bytes[2 + size] == 0x12;
}

TEST(Netron, KnowsWhatIsRecognised) {
  int recognised = 0;
  int refused = 0;
  for (int seed = 0; seed < 300; ++seed) {
    NetDef net;
    testing::MessageFiller(seed).fill(net);
    if (seed % 3 == 0) net.set_name(std::string(seed % 90, 'n'));
    const bool expected = netron_recognises(net.SerializeAsString());
    const auto problems = netron_problems(net, FileFormat::kBinary, NetRole::kPredict);
    EXPECT_EQ(problems.empty(), expected) << net.DebugString();
    (expected ? recognised : refused) += 1;
  }
  EXPECT_GT(recognised, 20);
  EXPECT_GT(refused, 20);
}

TEST(Netron, NamesAndOperators) {
  NetDef net;
  net.set_name(std::string(63, 'n'));
  EXPECT_EQ(netron_problems(net, FileFormat::kText, NetRole::kPredict),
            std::vector<std::string>{"the net has no operators"});
  net.add_op()->set_type("MyCustomOp");
  EXPECT_TRUE(netron_problems(net, FileFormat::kBinary, NetRole::kPredict).empty());
  net.set_name(std::string(64, 'n'));
  EXPECT_EQ(netron_problems(net, FileFormat::kBinary, NetRole::kPredict).size(), 1U);
  EXPECT_TRUE(netron_problems(net, FileFormat::kText, NetRole::kPredict).empty());
  net.set_name("größer");
  EXPECT_EQ(netron_problems(net, FileFormat::kBinary, NetRole::kPredict).size(), 1U);
}

TEST(Netron, InitNetsOfValuesOnly) {
  NetDef net;
  for (const auto* type : {"GivenTensorFill", "MSRAFill", "ConstantFill", "CreateCommonWorld"}) {
    auto* op = net.add_op();
    op->set_type(type);
    op->add_output(type);
  }
  net.mutable_op(3)->add_output("second");  // those with two outputs are not looked at
  const auto problems = netron_problems(net, FileFormat::kText, NetRole::kInit);
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_NE(problems[0].find("operator 1 (MSRAFill)"), std::string::npos);
  EXPECT_TRUE(netron_problems(net, FileFormat::kText, NetRole::kPredict).empty());
}

}  // namespace
}  // namespace headrace
