#include "core/shape.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace headrace {
namespace {

TEST(Shape, ParsesWhatItPrints) {
  for (const Shape& shape : {Shape(), Shape{0}, Shape{7}, Shape{2, 3, 224, 224}}) {
    EXPECT_EQ(Shape::parse(shape.to_string()), shape);
  }
  for (const char* text :
       {"", "x", "3x", "x3", "3x-1", "3 x 4", "3x4y", "(", "99999999999999999999"}) {
    EXPECT_THROW(Shape::parse(text), Error) << text;
  }
}

}  // namespace
}  // namespace headrace
