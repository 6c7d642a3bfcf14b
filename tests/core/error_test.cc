#include "core/error.h"

#include <gtest/gtest.h>

namespace headrace {
namespace {

TEST(Error, SaysWhereItHappened) {
  try {
    fail(ErrorCode::kNotFound, "no blob '{}'", "data");
  } catch (Error& error) {
    error.at({.net = "lenet", .op_name = "c1", .op_type = "Conv", .position = 3}).on_blob("data");
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
    EXPECT_STREQ(error.what(),
                 "not found: no blob 'data'\n  in operator Conv 'c1' (#3)\n  of net 'lenet'\n"
                 "  blob 'data'");
    EXPECT_TRUE(std::string(error.where().file_name()).ends_with("error_test.cc"));
  }
}

TEST(Error, InnermostContextWins) {
  Error error(ErrorCode::kIo, "disk full");
  error.at({.net = "inner", .op_type = "Save", .position = 1});
  error.at({.net = "outer", .op_type = "If", .position = 7}).on_rank(2);
  EXPECT_EQ(error.location().net, "inner");
  EXPECT_EQ(error.location().op_type, "Save");
  EXPECT_EQ(error.rank(), 2);
}

}  // namespace
}  // namespace headrace
