#pragma once

#include <exception>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

namespace headrace {

enum class ErrorCode {
  kInvalidArgument,  // an argument, flag or setting has a value outside its domain
  kInvalidNet,       // the net as a whole is not runnable (unknown operator, missing blob, cycle)
  kNotFound,         // a file, blob, operator or model that was named does not exist
  kTypeMismatch,     // an element type other than the one expected
  kShapeMismatch,    // a shape other than the one expected
  kUnsupported,      // understood, but this build or device cannot do it
  kIo,               // the operating system refused to read or write
  kCorrupt,          // a file is truncated, altered or of another format
  kNumeric,          // NaN or infinity where a finite number is required, label out of range
  kState,            // called at the wrong time (torn workspace, lease held, already running)
  kCancelled,        // the caller asked to stop
  kTimeout,          // a deadline passed
  kUnavailable,      // another process or machine has gone, refuses, or cannot be reached
  kInternal,         // a broken invariant of headrace itself
};

std::string_view name_of(ErrorCode code);

/// Where in a net an error happened. Empty strings and -1 mean "not known".
struct OpLocation {
  std::string net;
  std::string op_name;
  std::string op_type;
  int position = -1;  // index of the operator in the NetDef
  int step = -1;      // where one run makes several: which of them, from 0
};

/// The one exception type of headrace. Thrown where a fault is detected; caught at the kernel call
/// of the executor, in progress threads and in main(). The message says what was expected, what was
/// found and what to do; the context (operator, blob, shapes, rank) is added on the way up.
class Error : public std::exception {
 public:
  Error(ErrorCode code, std::string message,
        std::source_location where = std::source_location::current());

  /// Context. Each keeps what is already set: the innermost frame knows best.
  Error& at(OpLocation location);
  Error& on_blob(std::string blob);
  Error& with_shapes(std::vector<std::string> shapes);
  Error& on_rank(int rank);
  Error& caused_by(std::string cause);

  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }
  const OpLocation& location() const { return location_; }
  const std::string& blob() const { return blob_; }
  int rank() const { return rank_; }
  const std::source_location& where() const { return where_; }

  /// Message and all known context, one line per kind of context.
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  void render();

  ErrorCode code_;
  std::string message_;
  OpLocation location_;
  std::string blob_;
  std::vector<std::string> shapes_;
  int rank_ = -1;
  std::string cause_;
  std::source_location where_;
  std::string text_;
};

/// A format string that remembers where it was written.
template <typename... Args>
struct LocatedFormat {
  template <typename S>
  consteval LocatedFormat(const S& text,
                          std::source_location where = std::source_location::current())
      : format(text), where(where) {}
  fmt::format_string<Args...> format;
  std::source_location where;
};

/// Throws Error: fail(ErrorCode::kNotFound, "no blob '{}'", name).
template <typename... Args>
[[noreturn]] void fail(ErrorCode code, LocatedFormat<std::type_identity_t<Args>...> text,
                       Args&&... args) {
  throw Error(code, fmt::format(text.format, std::forward<Args>(args)...), text.where);
}

/// fail() unless `condition` holds. The arguments are only formatted on failure.
template <typename... Args>
void require(bool condition, ErrorCode code, LocatedFormat<std::type_identity_t<Args>...> text,
             Args&&... args) {
  if (!condition) [[unlikely]] {
    throw Error(code, fmt::format(text.format, std::forward<Args>(args)...), text.where);
  }
}

}  // namespace headrace
