// The test program, and the one that shows its samples to the scripts that make golden files and
// runs cases for the one that compares with Caffe2:
//
//   test_operators [gtest flags]
//   test_operators --dump=FILE.json
//   test_operators --dump-damages=FILE.json
//   test_operators --run=CASES.json --results=FILE.json

#include <cstdio>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/operators/damage.h"
#include "tests/operators/golden.h"
#include "tests/operators/run_cases.h"

namespace {

/// The text behind "--name=" on the command line; empty when it is not there.
std::string option(int argc, char** argv, std::string_view name) {
  for (int i = 1; i < argc; ++i) {
    std::string_view flag = argv[i];
    if (flag.starts_with(name)) return std::string(flag.substr(name.size()));
  }
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::string dump = option(argc, argv, "--dump=");
    const std::string cases = option(argc, argv, "--run=");
    if (!dump.empty()) {
      headrace::testing::dump_samples(dump);
      return 0;
    }
    if (const std::string damages = option(argc, argv, "--dump-damages="); !damages.empty()) {
      headrace::testing::dump_damages(damages);
      return 0;
    }
    if (!cases.empty()) {
      headrace::testing::run_cases(cases, option(argc, argv, "--results="));
      return 0;
    }
  } catch (const headrace::Error& error) {
    std::fprintf(stderr, "test_operators: %s\n", error.what());
    return 1;
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
