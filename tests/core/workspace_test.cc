// Who sees what in a workspace, and when.

#include "core/workspace.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace headrace {
namespace {

using testing::expect_error;

TEST(WorkspaceTest, WhatIsBeingWrittenIsNotLookedAt) {
  Workspace workspace;
  Slot& slot = workspace.slot("x");
  ASSERT_TRUE(slot.try_lease_exclusive());
  expect_error(ErrorCode::kState, "cannot fetch 'x'", [&] { workspace.fetch("x"); });
  slot.release_exclusive();
  expect_error(ErrorCode::kNotFound, "no blob 'x'", [&] { workspace.fetch("x"); });
}

TEST(WorkspaceTest, FetchHoldsItsLeaseNoLongerThanItNeedsIt) {
  Workspace workspace;
  expect_error(ErrorCode::kNotFound, [&] { workspace.fetch("x"); });
  workspace.slot("x");
  expect_error(ErrorCode::kNotFound, [&] { workspace.fetch("x"); });
  workspace.feed("x", Tensor::from<float>({1}, {1}));
  EXPECT_EQ(workspace.fetch("x").item<float>(), 1);
  workspace.slot("x").blob.set_handle(std::make_shared<int>(1), "number");
  expect_error(ErrorCode::kTypeMismatch, "number", [&] { workspace.fetch("x"); });
  workspace.feed("x", Tensor::from<float>({1}, {2}));
  EXPECT_EQ(workspace.fetch("x").item<float>(), 2);
}

TEST(WorkspaceTest, ANameOutsideHidesNothingUntilItHoldsSomething) {
  Workspace outer;
  Workspace inner(&outer);
  inner.feed("x", Tensor::from<float>({1}, {1}));
  outer.slot("x");
  EXPECT_FALSE(inner.hides_outer());
  outer.feed("x", Tensor::from<float>({1}, {2}));
  EXPECT_TRUE(inner.hides_outer());
  EXPECT_EQ(inner.fetch("x").item<float>(), 1);
  EXPECT_FALSE(outer.hides_outer());
}

}  // namespace
}  // namespace headrace
