#include <gtest/gtest.h>

#include "core/proto/legacy.pb.h"
#include "core/proto/metanet.pb.h"
#include "core/proto/net.pb.h"
#include "core/proto/prof_dag.pb.h"

namespace headrace {
namespace {

TEST(ProtoMessages, ArgumentListsAreWrittenUnpacked) {
  Argument arg;
  arg.add_ints(7);
  arg.add_ints(8);
  EXPECT_EQ(arg.SerializeAsString(), std::string("\x30\x07\x30\x08", 4));
}

TEST(ProtoMessages, ArgumentListsAreReadPackedToo) {
  Argument arg;
  ASSERT_TRUE(arg.ParseFromString(std::string("\x32\x02\x07\x08", 4)));
  ASSERT_EQ(arg.ints_size(), 2);
  EXPECT_EQ(arg.ints(1), 8);
}

TEST(ProtoMessages, NamesDoNotClashWithOtherCaffe2Descendants) {
  EXPECT_EQ(NetDef::descriptor()->full_name(), "headrace.NetDef");
  EXPECT_EQ(NetDef::descriptor()->file()->name(), "core/proto/net.proto");
}

}  // namespace
}  // namespace headrace
