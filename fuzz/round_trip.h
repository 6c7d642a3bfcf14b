#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/proto/net_io.h"

namespace headrace::fuzz {

/// Ends the process, which is how a fuzz target reports a fault.
inline void check(bool holds) {
  if (!holds) std::abort();
}

/// Parses `content` as a file called `name`. What parses must be writable in both forms, and come
/// back from each as it was; what does not must give one Error of the right kind. Returns what was
/// parsed.
template <FileMessage Message>
std::optional<Message> round_trip(std::string_view content, std::string_view name) {
  Message message;
  try {
    message = parse<Message>(content, name);
  } catch (const Error& error) {
    check(error.code() == ErrorCode::kCorrupt);
    check(!error.message().empty());
    return std::nullopt;
  }
  const std::string binary = serialize(message, FileFormat::kBinary);
  check(serialize(parse<Message>(binary, "a.pb"), FileFormat::kBinary) == binary);
  // Compared as text: it cannot express the payload of a NaN.
  const std::string text = serialize(message, FileFormat::kText);
  check(serialize(parse<Message>(text, "a.pbtxt"), FileFormat::kText) == text);
  return message;
}

inline std::string_view as_text(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace headrace::fuzz
