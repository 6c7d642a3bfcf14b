#include "core/proto/text_weights.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "core/allocator.h"
#include "core/proto/weights.h"

namespace headrace {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using Locations = google::protobuf::TextFormat::ParseInfoTree;

constexpr size_t kPiece = 1 << 20;
constexpr std::string_view kFields[] = {"floats:", "float_data:"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

const char* skip_blanks(const char* at, const char* end) {
  while (at != end && (*at == ' ' || *at == '\t' || *at == '\r')) ++at;
  return at;
}

// Numbers that protobuf may see otherwise are left to it: octal and hexadecimal ones, long
// integers, infinities, and what does not fit into a float.
std::optional<float> parse_number(const char* at, const char* end) {
  const char* digits = at != end && *at == '-' ? at + 1 : at;
  if (digits == end || !is_digit(*digits)) return std::nullopt;
  if (*digits == '0' && digits + 1 != end && is_digit(digits[1])) return std::nullopt;
  double value = 0;
  const auto [stop, error] = std::from_chars(at, end, value);
  if (error != std::errc() || skip_blanks(stop, end) != end) return std::nullopt;
  const bool integer = std::all_of(digits, stop, is_digit);
  if (integer && stop - digits > 15) return std::nullopt;
  if (std::abs(value) > std::numeric_limits<float>::max()) return std::nullopt;
  return static_cast<float>(value);
}

// The number of a line that holds an element of a list of floats and nothing else.
std::optional<float> parse_line(std::string_view line) {
  const char* end = line.data() + line.size();
  const char* at = skip_blanks(line.data(), end);
  for (const std::string_view field : kFields) {
    if (std::string_view(at, static_cast<size_t>(end - at)).starts_with(field)) {
      return parse_number(skip_blanks(at + field.size(), end), end);
    }
  }
  return std::nullopt;
}

std::string_view field_of(std::string_view line) {
  const size_t start = line.find_first_not_of(" \t\r");
  return line.substr(start, line.find(':') - start);
}

// Takes a text apart, line by line. A line begins outside of strings, which end in the line in
// which they begin, and of comments.
class Cutter {
 public:
  Cutter(std::string_view text, function_ref<void(size_t)> consumed, size_t least)
      : text_(text), consumed_(consumed), least_(least) {}

  CutText cut() {
    while (position_ < text_.size()) {
      const std::string_view line = next_line();
      if (parse_line(line)) {
        read_list(line);
      } else {
        ++line_;
      }
    }
    if (!cut_.lists.empty()) keep(text_.size());
    // The parser records one place for a whole list in brackets: places do not count elements then.
    if (cut_.rest.find('[') != cut_.rest.npos) return {};
    return std::move(cut_);
  }

 private:
  std::string_view next_line() {
    const size_t newline = std::min(text_.find('\n', position_), text_.size());
    const std::string_view line = text_.substr(position_, newline - position_);
    position_ = std::min(newline + 1, text_.size());
    if (position_ - reported_ >= kPiece) {
      reported_ = position_;
      consumed_(position_);
    }
    return line;
  }

  // From behind the first line of a list to its end.
  void read_list(std::string_view first) {
    const size_t rest = position_;
    const std::string_view field = field_of(first);
    std::vector<float> floats;
    size_t end = position_;
    while (position_ < text_.size()) {
      const std::string_view line = next_line();
      const std::optional<float> value = parse_line(line);
      if (!value || field_of(line) != field) break;
      floats.push_back(*value);
      end = position_;
    }
    position_ = end;
    if (floats.size() + 1 < least_) {
      line_ += static_cast<int>(floats.size() + 1);
      return;
    }
    keep(rest);
    kept_ = end;
    cut_.lists.push_back({line_++, std::move(floats)});
  }

  // Leaves everything up to `end` that has not been cut out in the rest.
  void keep(size_t end) {
    cut_.rest.append(text_.substr(kept_, end - kept_));
    kept_ = end;
  }

  std::string_view text_;
  function_ref<void(size_t)> consumed_;
  size_t least_;
  CutText cut_;
  size_t position_ = 0;
  size_t kept_ = 0;      // up to here the text is in the rest or cut out
  size_t reported_ = 0;  // to `consumed_`
  int line_ = 0;         // in the rest
};

class Restorer {
 public:
  explicit Restorer(CutText& cut) : cut_(cut) {}

  void restore(Message& message, const Locations* locations) {
    if (locations == nullptr) return;
    if (WeightList list = weights_of(message); list.floats != nullptr) {
      insert(*list.floats, *message.GetDescriptor()->FindFieldByNumber(list.field), *locations);
    }
    const auto* reflection = message.GetReflection();
    std::vector<const FieldDescriptor*> fields;
    reflection->ListFields(message, &fields);
    for (const FieldDescriptor* field : fields) {
      if (field->message_type() == nullptr) continue;
      if (!field->is_repeated()) {
        restore(*reflection->MutableMessage(&message, field),
                locations->GetTreeForNested(field, -1));
        continue;
      }
      for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
        restore(*reflection->MutableRepeatedMessage(&message, field, i),
                locations->GetTreeForNested(field, i));
      }
    }
  }

  bool complete() const { return restored_ == cut_.lists.size(); }

 private:
  using Floats = google::protobuf::RepeatedField<float>;

  CutText::List* list_at(int line) {
    auto found = std::ranges::lower_bound(cut_.lists, line, {}, &CutText::List::line);
    return found != cut_.lists.end() && found->line == line ? &*found : nullptr;
  }

  void insert(Floats& left, const FieldDescriptor& field, const Locations& locations) {
    std::vector<CutText::List*> lists;  // that follow each of the elements left
    size_t size = 0;
    for (int i = 0; i < left.size(); ++i) {
      lists.push_back(list_at(locations.GetLocation(&field, i).line));
      if (lists.back() == nullptr) continue;
      size += lists.back()->floats.size();
      ++restored_;
    }
    if (size == 0) return;
    Floats whole;
    whole.Reserve(left.size() + static_cast<int>(size));
    prefer_huge_pages(whole.mutable_data(), whole.Capacity() * sizeof(float));
    for (int i = 0; i < left.size(); ++i) {
      whole.Add(left[i]);
      if (lists[i] == nullptr) continue;
      whole.Add(lists[i]->floats.begin(), lists[i]->floats.end());
      lists[i]->floats = {};
    }
    left.Swap(&whole);
  }

  CutText& cut_;
  size_t restored_ = 0;
};

}  // namespace

CutText cut_weights(std::string_view text, function_ref<void(size_t)> consumed, size_t least) {
  return Cutter(text, consumed, least).cut();
}

bool restore_weights(CutText& cut, const Locations& locations, Message& message) {
  Restorer restorer(cut);
  restorer.restore(message, &locations);
  return restorer.complete();
}

}  // namespace headrace
