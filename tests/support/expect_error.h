#pragma once

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "core/error.h"

namespace headrace::testing {

/// Runs `action`, which must throw an Error of this code; returns its text.
template <typename Action>
std::string expect_error(ErrorCode code, Action action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error where '" << name_of(code) << "' was expected";
  return {};
}

/// The same, and its text must contain `part`.
template <typename Action>
void expect_error(ErrorCode code, std::string_view part, Action action) {
  const std::string text = expect_error(code, action);
  EXPECT_NE(text.find(part), text.npos) << "'" << part << "' is not in: " << text;
}

}  // namespace headrace::testing
