#include "core/npy_header.h"

#include <cctype>
#include <charconv>

#include <fmt/ranges.h>

#include "core/error.h"
#include "core/file_kind.h"

namespace headrace {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kMagic = "\x93NUMPY"sv;
constexpr size_t kHeaderAlignment = 64;

// Reads the dictionary literal: three keys in any order, strings in either kind of quotes.
class DictionaryParser {
 public:
  DictionaryParser(std::string_view text, std::string_view name) : rest_(text), name_(name) {}

  NpyHeader parse() {
    NpyHeader header;
    bool has_descr = false, has_order = false, has_shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = parse_string();
      expect(':');
      if (key == "descr" && !has_descr) {
        require(peek() != '[', ErrorCode::kUnsupported,
                "'{}' holds an array of records; save each of their fields as an array", name_);
        header.descr = parse_string();
        has_descr = true;
      } else if (key == "fortran_order" && !has_order) {
        header.fortran_order = parse_bool();
        has_order = true;
      } else if (key == "shape" && !has_shape) {
        header.shape = parse_shape();
        has_shape = true;
      } else {
        wrong("'descr', 'fortran_order' and 'shape', each once");
      }
      if (!accept(',') && peek() != '}') wrong("',' or '}'");
    }
    if (peek() != '\0') wrong("nothing after '}'");
    if (!has_descr || !has_order || !has_shape) wrong("'descr', 'fortran_order' and 'shape'");
    return header;
  }

 private:
  [[noreturn]] void wrong(std::string_view expected) const {
    fail(ErrorCode::kCorrupt, "'{}' is damaged: its .npy header should have {}, found {}", name_,
         expected, rest_.empty() ? "its end" : fmt::format("{:?}", rest_.substr(0, 20)));
  }

  // The next character that is not white space, or NUL at the end.
  char peek() {
    while (!rest_.empty() && std::isspace(static_cast<unsigned char>(rest_[0])) != 0) {
      rest_.remove_prefix(1);
    }
    return rest_.empty() ? '\0' : rest_[0];
  }

  bool accept(char c) {
    if (peek() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void expect(char c) {
    if (!accept(c)) wrong(fmt::format("'{}'", c));
  }

  std::string parse_string() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') wrong("a string");
    const size_t end = rest_.find(quote, 1);
    if (end == rest_.npos) wrong("a closing quote");
    std::string text(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return text;
  }

  bool parse_bool() {
    for (const auto& [word, value] : {std::pair("True"sv, true), std::pair("False"sv, false)}) {
      peek();
      if (!rest_.starts_with(word)) continue;
      rest_.remove_prefix(word.size());
      return value;
    }
    wrong("True or False");
  }

  std::vector<int64_t> parse_shape() {
    std::vector<int64_t> shape;
    expect('(');
    while (!accept(')')) {
      peek();
      int64_t dim = 0;
      const auto [end, error] = std::from_chars(rest_.begin(), rest_.end(), dim);
      if (error != std::errc() || dim < 0) wrong("a dimension");
      rest_.remove_prefix(static_cast<size_t>(end - rest_.begin()));
      accept('L');  // as Python 2 wrote them
      shape.push_back(dim);
      if (!accept(',') && peek() != ')') wrong("',' or ')'");
    }
    return shape;
  }

  std::string_view rest_;
  std::string_view name_;
};

}  // namespace

NpyHeader parse_npy_header(std::string_view content, std::string_view name) {
  const std::string_view kind = file_kind(content);
  require(content.starts_with(kMagic), ErrorCode::kCorrupt, "'{}' is not a .npy file: {}", name,
          content.empty() ? std::string("it is empty")
          : kind.empty()  ? std::string("it does not begin as one")
                          : fmt::format("it looks like {}", kind));
  const auto byte = [&](size_t i) -> size_t { return static_cast<unsigned char>(content[i]); };
  size_t begin = kMagic.size() + 2;
  require(content.size() >= begin + 4, ErrorCode::kCorrupt,
          "'{}' is truncated: it ends in its .npy header", name);
  const size_t version = byte(6);
  require(version >= 1 && version <= 3, ErrorCode::kUnsupported,
          "'{}' is a .npy file of version {}.{}; 1 to 3 can be read", name, version, byte(7));
  size_t length = byte(begin) | byte(begin + 1) << 8;
  begin += 2;
  if (version > 1) {
    length |= byte(begin) << 16 | byte(begin + 1) << 24;
    begin += 2;
  }
  require(length <= content.size() - begin, ErrorCode::kCorrupt,
          "'{}' is truncated: its .npy header has {} bytes, {} are left", name, length,
          content.size() - begin);
  NpyHeader header = DictionaryParser(content.substr(begin, length), name).parse();
  header.size = begin + length;
  return header;
}

std::string format_npy_header(const NpyHeader& header) {
  std::string dictionary =
      fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': ({}{}), }}", header.descr,
                  header.fortran_order ? "True" : "False", fmt::join(header.shape, ", "),
                  header.shape.size() == 1 ? "," : "");
  const size_t before = kMagic.size() + 4;
  const size_t used = before + dictionary.size() + 1;
  dictionary.append((kHeaderAlignment - used % kHeaderAlignment) % kHeaderAlignment, ' ');
  dictionary += '\n';
  std::string text(kMagic);
  text += "\x01\x00"sv;
  text += static_cast<char>(dictionary.size() & 0xff);
  text += static_cast<char>(dictionary.size() >> 8);
  return text += dictionary;
}

}  // namespace headrace
