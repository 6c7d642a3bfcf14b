// load → save → load is the identity, binary and text, for every kind of message that files hold.
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>

#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include "core/proto/metanet.pb.h"
#include "core/proto/net.pb.h"
#include "core/proto/net_io.h"
#include "tests/core/random_message.h"
#include "tests/support/temp_folder.h"

namespace headrace {
namespace {

using testing::MessageFiller;
using testing::read_file;
using testing::TempFolder;

constexpr int kSeeds = 200;

template <typename Message>
class RoundTrip : public ::testing::Test {};
using FileMessages = ::testing::Types<NetDef, PlanDef, MetaNetDef, TensorProtos, BlobProto>;
TYPED_TEST_SUITE(RoundTrip, FileMessages);

void collect_fields(const google::protobuf::Descriptor& type, std::set<std::string>& fields) {
  for (int i = 0; i < type.field_count(); ++i) {
    const auto& field = *type.field(i);
    if (!fields.insert(field.full_name()).second) continue;
    if (field.message_type() != nullptr) collect_fields(*field.message_type(), fields);
  }
}

template <typename Message>
void expect_identity(const Message& message) {
  const std::string bytes = message.SerializeAsString();
  EXPECT_EQ(serialize(message, FileFormat::kBinary), bytes);
  const auto from_binary = parse<Message>(bytes, "a.pb");
  EXPECT_EQ(from_binary.SerializeAsString(), bytes);

  const std::string text = serialize(from_binary, FileFormat::kText);
  const auto from_text = parse<Message>(text, "a.pbtxt");
  EXPECT_EQ(from_text.SerializeAsString(), bytes) << text;
  EXPECT_EQ(serialize(from_text, FileFormat::kText), text);
}

// The same through files.
template <typename Message>
void expect_identity(const Message& message, const TempFolder& folder) {
  for (const FileFormat format : {FileFormat::kBinary, FileFormat::kText}) {
    const auto path = folder / (format == FileFormat::kText ? "a.pbtxt" : "a.pb");
    save(message, path);
    EXPECT_EQ(read_file(path), serialize(message, format));
    EXPECT_EQ(load<Message>(path).SerializeAsString(), message.SerializeAsString());
  }
}

TYPED_TEST(RoundTrip, RandomMessages) {
  const TempFolder folder;
  std::set<std::string> expected;
  collect_fields(*TypeParam::descriptor(), expected);
  std::set<std::string> covered;
  for (int seed = 0; seed < kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    MessageFiller filler(seed);
    TypeParam message;
    filler.fill(message);
    if (message.ByteSizeLong() == 0) continue;
    covered.insert(filler.fields_set().begin(), filler.fields_set().end());
    expect_identity(message);
    if (seed % 20 == 0) expect_identity(message, folder);
    if (this->HasFailure()) break;
  }
  EXPECT_EQ(covered, expected) << "the generator must reach every field";
}

TYPED_TEST(RoundTrip, ContentDecidesWhateverTheName) {
  const TempFolder folder;
  TypeParam message;
  for (int seed = 0; message.ByteSizeLong() < 100; ++seed) MessageFiller(seed).fill(message);
  save(message, folder / "a.pb");
  save(message, folder / "a.pbtxt");
  for (const auto* content : {"a.pb", "a.pbtxt"}) {
    for (const auto* name : {"x.pb", "x.pbtxt", "x.prototxt", "x", "x.bin"}) {
      std::filesystem::copy_file(folder / content, folder / name,
                                 std::filesystem::copy_options::overwrite_existing);
      EXPECT_EQ(load<TypeParam>(folder / name).SerializeAsString(), message.SerializeAsString())
          << content << " as " << name;
    }
  }
}

// Nets of others are not part of headrace; HEADRACE_ZOO names a folder of them.
TEST(Zoo, EveryNetRoundTrips) {
  const char* zoo = std::getenv("HEADRACE_ZOO");
  if (zoo == nullptr) GTEST_SKIP() << "set HEADRACE_ZOO to a folder of Caffe2 nets (.pb, .pbtxt)";
  const TempFolder folder;
  int nets = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(zoo)) {
    const auto extension = entry.path().extension();
    if (extension != ".pb" && extension != ".pbtxt" && extension != ".prototxt") continue;
    SCOPED_TRACE(entry.path());
    const NetDef net = load_net(entry.path());
    EXPECT_GT(net.op_size(), 0);
    expect_identity(net);
    expect_identity(net, folder);
    if (extension == ".pb") {
      EXPECT_EQ(read_file(entry.path()), read_file(folder / "a.pb"));
    }
    ++nets;
  }
  EXPECT_GT(nets, 0) << "no nets in " << zoo;
}

}  // namespace
}  // namespace headrace
