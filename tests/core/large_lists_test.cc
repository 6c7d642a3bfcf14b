// Long lists of floats are read past protobuf: to what protobuf itself reads, for sound and damaged
// content alike, in memory that hardly exceeds the lists.
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "core/proto/binary_format.h"
#include "core/proto/damage.h"
#include "core/proto/metanet.pb.h"
#include "core/proto/net.pb.h"
#include "core/proto/net_io.h"
#include "core/proto/text_format.h"
#include "tests/core/random_message.h"

namespace headrace {
namespace {

using google::protobuf::Message;
using google::protobuf::TextFormat;
using testing::MessageFiller;

constexpr auto kNobody = [](size_t) {};

struct Parsed {
  bool sound = false;
  std::string bytes;  // of the message, if sound
  bool operator==(const Parsed&) const = default;
};

template <typename M>
Parsed by_protobuf(const std::string& content) {
  M message;
  google::protobuf::io::CodedInputStream stream(reinterpret_cast<const uint8_t*>(content.data()),
                                                static_cast<int>(content.size()));
  stream.SetRecursionLimit(kMaxMessageDepth - 1);
  if (!message.ParsePartialFromCodedStream(&stream) || !stream.ConsumedEntireMessage()) return {};
  if (has_unknown_fields(message)) return {};  // which is damage, too
  return {true, message.SerializePartialAsString()};
}

template <typename M>
Parsed by_us(const std::string& content, size_t piece) {
  M message;
  if (!parse_binary(content, message, kNobody, piece) || has_unknown_fields(message)) return {};
  return {true, message.SerializePartialAsString()};
}

template <typename M>
void expect_equal(const std::string& content) {
  const Parsed expected = by_protobuf<M>(content);
  for (const size_t piece : {0, 1, 7, 64, 1 << 20}) {
    ASSERT_EQ(by_us<M>(content, piece), expected) << "pieces of " << piece << " bytes";
  }
}

template <typename M>
class BinaryLists : public ::testing::Test {};
using Messages = ::testing::Types<NetDef, TensorProtos, MetaNetDef>;
TYPED_TEST_SUITE(BinaryLists, Messages);

TYPED_TEST(BinaryLists, SoundOrDamagedAsProtobufReadsThem) {
  std::mt19937 random(1);
  for (int seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    TypeParam message;
    MessageFiller(seed).fill(message);
    const std::string content = message.SerializePartialAsString();
    if (content.empty()) continue;
    expect_equal<TypeParam>(content);
    for (int damage = 0; damage < 100; ++damage) {
      std::string damaged = content;
      const size_t at = random() % damaged.size();
      switch (damage % 4) {
        case 0:
          damaged.resize(at);
          break;
        case 1:
          damaged.erase(at, 1 + random() % 5);
          break;
        default:
          damaged[at] = static_cast<char>(damaged[at] ^ (1 << random() % 8));
      }
      expect_equal<TypeParam>(damaged);
      if (this->HasFatalFailure()) return;
    }
  }
}

// Argument.floats in every encoding: `unpacked` as files have it, one packed field, and a tag that
// is longer than need be.
std::string encode_floats(const std::vector<float>& values, std::string_view form) {
  const std::string raw(reinterpret_cast<const char*>(values.data()), values.size() * 4);
  if (form == "packed") {
    Argument packed;
    packed.set_s(raw);  // field 4, also of bytes: only the tag differs
    std::string bytes = packed.SerializeAsString();
    bytes[0] = 5 << 3 | 2;
    return bytes;
  }
  std::string bytes;
  for (size_t i = 0; i < values.size(); ++i) {
    bytes += form == "unpacked" ? std::string("\x2d") : std::string("\xad\x00", 2);
    bytes += raw.substr(4 * i, 4);
  }
  return bytes;
}

std::vector<float> numbers(size_t count) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

TEST(BinaryLists, MillionsInEveryEncoding) {
  const std::vector<float> values = numbers(1'000'003);
  for (const char* form : {"unpacked", "packed", "long"}) {
    SCOPED_TRACE(form);
    // Merged from two halves, as repeated fields may be.
    const std::vector<float> first(values.begin(), values.begin() + 400'000);
    const std::vector<float> second(values.begin() + 400'000, values.end());
    const std::string list = encode_floats(first, form) + encode_floats(second, form);
    Argument inner;
    ASSERT_TRUE(parse_binary(list, inner, kNobody));
    EXPECT_EQ(std::vector<float>(inner.floats().begin(), inner.floats().end()), values);

    NetDef shell;
    shell.add_op()->add_arg()->ParseFromString(list);
    const std::string content = shell.SerializeAsString();
    size_t heard = 0;
    NetDef net;
    ASSERT_TRUE(parse_binary(content, net, [&](size_t until) {
      EXPECT_LE(heard, until);
      EXPECT_LE(until - heard, size_t{1} << 20) << "memory of a mapped file is given back often";
      heard = until;
    }));
    EXPECT_EQ(heard, content.size());
    EXPECT_EQ(net.SerializeAsString(), content);
    const auto& floats = net.op(0).arg(0).floats();
    EXPECT_LE(floats.Capacity(), floats.size() + 16) << "as much memory as it takes";
  }
}

TEST(BinaryLists, IntegersGetTheirSizeAtOnce) {
  Argument arg;
  for (int64_t i = 0; i < 300'001; ++i) arg.add_ints(i * i * (i % 2 == 0 ? 1 : -1));
  Argument read;
  ASSERT_TRUE(parse_binary(arg.SerializeAsString(), read, kNobody));
  EXPECT_EQ(read.SerializeAsString(), arg.SerializeAsString());
  EXPECT_LE(read.ints().Capacity(), read.ints_size() + 16);
}

class Errors : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int, int, const std::string&) override {}
};

Parsed text_by_protobuf(const std::string& text) {
  Errors errors;
  NetDef net;
  TextFormat::Parser parser;
  parser.RecordErrorsTo(&errors);
  parser.AllowPartialMessage(true);
  parser.SetRecursionLimit(kMaxMessageDepth - 1);
  if (!parser.ParseFromString(text, &net)) return {};
  return {true, net.SerializePartialAsString()};
}

Parsed text_by_us(const std::string& text, size_t least) {
  NetDef net;
  if (!parse_text(text, net, kNobody, least).empty()) return {};
  return {true, net.SerializePartialAsString()};
}

void expect_equal_text(const std::string& text) {
  const Parsed expected = text_by_protobuf(text);
  for (const size_t least : {1, 2, 4}) {
    ASSERT_EQ(text_by_us(text, least), expected) << "lists of " << least << " lines:\n" << text;
  }
}

TEST(TextLists, SoundOrDamagedAsProtobufReadsThem) {
  std::mt19937 random(1);
  const std::string letters = "0123456789.-+eEfFxX\n\r\t #,;:{}<>[]\"'abc";
  for (int seed = 0; seed < 60; ++seed) {
    NetDef net;
    MessageFiller(seed).fill(net);
    std::string text;
    TextFormat::PrintToString(net, &text);
    if (text.empty() || text.find("cuda_gpu_id") != text.npos) continue;
    expect_equal_text(text);
    for (int damage = 0; damage < 60; ++damage) {
      std::string damaged = text;
      // Lists are what matters: damage one, where there is one.
      const size_t floats = text.find("floats:", random() % text.size());
      const size_t at = floats == text.npos || damage % 3 == 0
                            ? random() % text.size()
                            : std::min(floats + random() % 40, text.size() - 1);
      damaged[at] = letters[random() % letters.size()];
      if (damage % 5 == 0) damaged.erase(random() % damaged.size(), 1);
      expect_equal_text(damaged);
      if (HasFatalFailure()) return;
    }
  }
}

TEST(TextLists, EverySpellingOfANumber) {
  for (const char* number : {"0",
                             "-0",
                             "0.0",
                             "-0.0",
                             "1",
                             "-1",
                             "- 1",
                             "+1",
                             "1.",
                             ".5",
                             "-.5",
                             "1.5",
                             "1.5f",
                             "1e5",
                             "1E+5",
                             "1e-5",
                             "1e",
                             "1e400",
                             "1e-400",
                             "-1e400",
                             "1e39",
                             "3.4028235e38",
                             "3.40282357e38",
                             "3.4028236e38",
                             "-3.4028235677973366e+38",
                             "1e-45",
                             "1e-46",
                             "7e-46",
                             "1.17549435e-38",
                             "123456789012345",
                             "1234567890123456789",
                             "18446744073709551615",
                             "18446744073709551616",
                             "-18446744073709551615",
                             "00",
                             "007",
                             "010",
                             "0x10",
                             "01.5",
                             "00.5",
                             "inf",
                             "-inf",
                             "infinity",
                             "nan",
                             "-nan",
                             "Inf",
                             "NAN",
                             "1.0000000596046448",
                             "16777217",
                             "0.1",
                             "1.00000005960464477539062500001",
                             "9007199254740993",
                             "1 2",
                             "1,",
                             "1;",
                             "1 # one",
                             "1#",
                             "true",
                             "\"1\"",
                             "",
                             "1.5.2",
                             "1_0",
                             "0b1",
                             "1e5.5",
                             "--1",
                             "1\r",
                             "1\t ",
                             "1\v"}) {
    for (const char* frame :
         {"op { type: 'A' arg {\n floats: 1\n floats: @\nfloats:2\n\tfloats:\t3\n} }",
          "op { type: 'A' arg {\n floats: @\n floats: 1\n floats: 2\n } }",
          "op { type: 'A' arg {\n floats: 5\n floats: 1\n floats: @"}) {
      std::string text = frame;
      text.replace(text.find('@'), 1, number);
      expect_equal_text(text);
      if (HasFatalFailure()) return;
    }
  }
}

TEST(TextLists, ListsInterruptedAndInOtherPlaces) {
  const std::string list = "floats: 1\nfloats: 2\nfloats: 3\nfloats: 4\nfloats: 5\n";
  for (const std::string& text : std::vector<std::string>{
           "op { type: 'A' arg {\n" + list + "name: 'a'\n" + list + "i: 3 }\narg {\n" + list +
               "} }",
           "op { type: 'A' arg { floats: [7, 8]\n" + list + "floats: 9 floats: 10\n" + list + "} }",
           "op { type: 'A' arg { n { op { type: 'B' arg { t {\n" + std::string("dims: 2\n") +
               "float_data: 1\nfloat_data: 2\nfloat_data: 3\n } } } }\n" + list + "} }",
           "op { type: 'A' arg {\nfloats: 1\nfloat_data: 2\nfloats: 3\n} }",
           "op { type: 'A' arg {\n" + list + "} } device_option { cuda_gpu_id_: 1 }",
           "name: \n" + list, "op { type: 'A' name:\n\"x\\\n" + list + "\" }",
           "# " + list + "op { type: 'A' }", list,
           "op { type: 'A' arg { floats: [\n" + list + "] } }",
           "op { type: 'A' arg { name: 'a'\n" + list}) {
    expect_equal_text(text);
    if (HasFatalFailure()) return;
  }
}

TEST(TextLists, ErrorsAreWhereTheyStandInTheWholeText) {
  std::string text = "op {\n  type: 'A'\n  arg {\n";
  for (int i = 0; i < 200; ++i) text += "    floats: 0.5\n";
  text += "    flots: 1\n  }\n}\n";
  NetDef net;
  EXPECT_EQ(parse_text(text, net, kNobody).substr(0, 4), "204:");
}

TEST(TextLists, LongOnesKeepEveryBit) {
  NetDef net;
  OperatorDef* op = net.add_op();
  op->set_type("GivenTensorFill");
  const std::vector<float> values = numbers(100'000);
  op->add_arg()->mutable_floats()->Add(values.begin(), values.end());
  std::string text;
  TextFormat::PrintToString(net, &text);
  NetDef read;
  size_t heard = 0;
  EXPECT_EQ(parse_text(text, read, [&](size_t until) { heard = until; }), "");
  EXPECT_GT(heard, text.size() / 2);
  EXPECT_EQ(read.SerializeAsString(), net.SerializeAsString());
  EXPECT_LE(read.op(0).arg(0).floats().Capacity(), 100'016);
}

}  // namespace
}  // namespace headrace
