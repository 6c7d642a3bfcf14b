#include "core/dtype.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace headrace {
namespace {

TEST(DType, ParsesWhatItPrints) {
  for (int i = 1; i <= static_cast<int>(DType::kString); ++i) {
    EXPECT_EQ(parse_dtype(name_of(static_cast<DType>(i))), static_cast<DType>(i));
  }
  EXPECT_THROW(parse_dtype("undefined"), Error);
}

}  // namespace
}  // namespace headrace
