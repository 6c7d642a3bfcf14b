#include "core/function_ref.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace headrace {
namespace {

int twice(int x) { return 2 * x; }

int apply(function_ref<int(int)> f, int x) { return f(x); }

TEST(FunctionRef, CallsLambdasFunctionsAndFunctors) {
  struct Functor {
    int operator()(int x) const { return x + 1; }
  };
  const Functor constant;
  EXPECT_EQ(apply(twice, 4), 8);
  EXPECT_EQ(apply(&twice, 4), 8);
  EXPECT_EQ(apply(constant, 4), 5);
  EXPECT_EQ(apply([](int x) { return -x; }, 4), -4);
}

TEST(FunctionRef, RefersToTheCallableAndItsState) {
  int calls = 0;
  auto count = [&calls, own = 0]() mutable {
    ++own;
    return calls = own;
  };
  const function_ref<int()> reference = count;
  const function_ref<int()> copy = reference;
  reference();
  copy();
  EXPECT_EQ(calls, 2);
}

TEST(FunctionRef, PassesArgumentsOnAsTheyAre) {
  auto take = [](std::unique_ptr<int> moved, std::string& changed) {
    changed += "!";
    return *moved;
  };
  const function_ref<int(std::unique_ptr<int>, std::string&)> reference = take;
  std::string text = "a";
  EXPECT_EQ(reference(std::make_unique<int>(3), text), 3);
  EXPECT_EQ(text, "a!");
}

}  // namespace
}  // namespace headrace
