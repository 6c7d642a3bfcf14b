#include "tools/checks.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <system_error>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "comm/timeout.h"

namespace headrace::tools {
namespace {

template <typename Number>
std::optional<Number> parse(const std::string& text) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end) return std::nullopt;
  return number;
}

/// A whole number too large for int64_t.
bool is_beyond(const std::string& text) {
  int64_t number{};
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  return error == std::errc::result_out_of_range && rest == end && text.front() != '-';
}

template <typename Fits>
CLI::Validator finite_number(const char* expected, Fits fits) {
  return {[expected, fits](const std::string& text) -> std::string {
            const auto number = parse<double>(text);
            if (number && std::isfinite(*number) && fits(*number)) return "";
            return fmt::format("expected {}, found '{}'", expected, text);
          },
          ""};
}

}  // namespace

CLI::Validator whole_number(int64_t least, int64_t most) {
  return {[least, most](const std::string& text) -> std::string {
            const auto number = parse<int64_t>(text);
            if (number && *number >= least && *number <= most) return "";
            const bool large = number ? *number > most : is_beyond(text);
            return fmt::format(
                "expected a whole number, {}, found '{}'",
                large ? fmt::format("at most {}", most) : fmt::format("at least {}", least), text);
          },
          ""};
}

CLI::Validator seed_number() { return whole_number(0, std::numeric_limits<int64_t>::max()); }

CLI::Validator positive_number() {
  return finite_number("a number above 0", [](double x) { return x > 0; });
}

CLI::Validator number_from_zero() {
  return finite_number("a number, 0 or above", [](double x) { return x >= 0; });
}

CLI::Validator positive_seconds() {
  return finite_number("seconds, above 0 and at most ten years",
                       [](double x) { return x > 0 && x <= comm::kLongestTimeout; });
}

CLI::Validator seconds_from_zero() {
  return finite_number("seconds, from 0 to ten years",
                       [](double x) { return x >= 0 && x <= comm::kLongestTimeout; });
}

CLI::Validator fraction() {
  return finite_number("a number from 0 to 1", [](double x) { return x >= 0 && x <= 1; });
}

}  // namespace headrace::tools
