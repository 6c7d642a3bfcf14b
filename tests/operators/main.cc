// The test program, and the one that shows its samples to the scripts that make golden files:
//
//   test_operators [gtest flags]
//   test_operators --dump=FILE.json

#include <cstdio>
#include <string_view>

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/operators/golden.h"

int main(int argc, char** argv) {
  constexpr std::string_view kDump = "--dump=";
  for (int i = 1; i < argc; ++i) {
    std::string_view flag = argv[i];
    if (!flag.starts_with(kDump)) continue;
    try {
      headrace::testing::dump_samples(std::string(flag.substr(kDump.size())));
      return 0;
    } catch (const headrace::Error& error) {
      std::fprintf(stderr, "test_operators: %s\n", error.what());
      return 1;
    }
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
