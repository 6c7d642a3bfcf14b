#include "core/proto/text_format.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>

#include "core/proto/net_io.h"
#include "core/proto/text_weights.h"

namespace headrace {
namespace {

using google::protobuf::TextFormat;

constexpr std::string_view kOldDeviceId = "cuda_gpu_id";
constexpr std::string_view kNewDeviceId = "device_id  ";  // as long, so that columns stay right
static_assert(kOldDeviceId.size() == kNewDeviceId.size());

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Renames the field wherever it stands as a word outside strings and comments.
std::string rename_old_device_id(std::string_view text) {
  std::string renamed(text);
  char quote = '\0';  // of the string we are in; '#' in a comment
  for (size_t i = 0; i < renamed.size(); ++i) {
    const char c = renamed[i];
    if (quote != '\0') {
      if (c == '\\' && quote != '#') {
        ++i;
      } else if (c == '\n' || c == quote) {
        quote = '\0';
      }
    } else if (c == '"' || c == '\'' || c == '#') {
      quote = c;
    } else if (is_word(c)) {
      size_t end = i;
      while (end < renamed.size() && is_word(renamed[end])) ++end;
      if (std::string_view(renamed).substr(i, end - i) == kOldDeviceId) {
        std::copy(kNewDeviceId.begin(), kNewDeviceId.end(),
                  renamed.begin() + static_cast<std::ptrdiff_t>(i));
      }
      i = end - 1;
    }
  }
  return renamed;
}

class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (text_.empty()) text_ = fmt::format("{}:{}: {}", line + 1, column + 1, message);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// Parses with protobuf alone.
std::string parse_whole(std::string_view text, google::protobuf::Message& message,
                        TextFormat::ParseInfoTree* locations) {
  std::string renamed;
  if (text.find(kOldDeviceId) != text.npos) {
    renamed = rename_old_device_id(text);
    text = renamed;
  }
  FirstError errors;
  TextFormat::Parser parser;
  parser.RecordErrorsTo(&errors);
  parser.AllowPartialMessage(true);
  parser.SetRecursionLimit(kMaxMessageDepth - 1);  // it does not count the outermost
  if (locations != nullptr) parser.WriteLocationsTo(locations);
  google::protobuf::io::ArrayInputStream stream(text.data(), static_cast<int>(text.size()));
  if (parser.Parse(&stream, &message)) return {};
  return errors.text().empty() ? "1:1: unreadable" : errors.text();
}

}  // namespace

std::string parse_text(std::string_view text, google::protobuf::Message& message,
                       function_ref<void(size_t)> consumed, size_t least) {
  CutText cut = cut_weights(text, consumed, least);
  TextFormat::ParseInfoTree locations;
  if (!cut.lists.empty() && parse_whole(cut.rest, message, &locations).empty() &&
      restore_weights(cut, locations, message)) {
    return {};
  }
  // Nothing was cut out, or there is an error somewhere, whose place is one in the whole text.
  return parse_whole(text, message, nullptr);
}

bool print_text(const google::protobuf::Message& message,
                google::protobuf::io::ZeroCopyOutputStream& out) {
  return TextFormat::Printer().Print(message, &out);
}

}  // namespace headrace
