#pragma once

#include <cstdio>
#include <string>
#include <string_view>

namespace headrace::tools {

/// Writes whole lines with a prefix before each, so that those of several sources do not mix.
class LinePrefixer {
 public:
  LinePrefixer(std::FILE* file, std::string prefix) : file_(file), prefix_(std::move(prefix)) {}

  void write(std::string_view bytes);

  /// The last line, if it had no end, gets one.
  void finish();

 private:
  // A line that is longer is cut, so that a stream without lines does not fill memory.
  static constexpr size_t kLongest = 1 << 16;

  void put(std::string_view line);

  std::FILE* file_;
  std::string prefix_;
  std::string begun_;
};

}  // namespace headrace::tools
