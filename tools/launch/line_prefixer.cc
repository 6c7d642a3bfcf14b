#include "tools/launch/line_prefixer.h"

#include <cerrno>
#include <system_error>

namespace headrace::tools {

void LinePrefixer::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    const bool whole = end != bytes.npos;
    begun_.append(bytes.substr(0, end));
    bytes.remove_prefix(whole ? end + 1 : bytes.size());
    if (whole || begun_.size() >= kLongest) {
      put(begun_);
      begun_.clear();
    }
  }
  std::fflush(file_);
}

void LinePrefixer::finish() {
  if (begun_.empty()) return;
  put(begun_);
  begun_.clear();
  std::fflush(file_);
}

void LinePrefixer::put(std::string_view line) {
  std::string text = prefix_;
  text.append(line).push_back('\n');
  if (std::fwrite(text.data(), 1, text.size(), file_) != text.size()) {
    throw std::system_error(errno, std::generic_category(), "cannot write");
  }
}

}  // namespace headrace::tools
