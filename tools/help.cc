#include "tools/help.h"

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace headrace::tools {
namespace {

constexpr size_t kTextColumn = 30;
constexpr size_t kWidth = 100;

/// What stands for the value of an option: "N", "FILE", "serial|parallel"; nothing for a flag.
std::string value_text(const CLI::Option& option) {
  if (option.get_type_size() == 0) return "";
  // CLI11 appends what the validators say of themselves.
  const std::string type = option.get_type_name();
  const size_t choices = type.find('{');
  if (choices != std::string::npos) {
    std::string text = type.substr(choices + 1, type.find('}') - choices - 1);
    std::ranges::replace(text, ',', '|');
    return text;
  }
  const std::string name = type.substr(0, type.find(':'));
  return name == "INT" || name == "UINT" || name == "FLOAT" ? "N" : name;
}

std::string flags_text(const CLI::Option& option) {
  std::vector<std::string> flags;
  for (const std::string& name : option.get_snames()) flags.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) flags.push_back("--" + name);
  const std::string value = value_text(option);
  return fmt::format("{}{}{}", fmt::join(flags, ", "), value.empty() ? "" : " ", value);
}

/// Words of `text` from column `kTextColumn` on; its own line breaks stay.
std::string wrapped(const std::string& text) {
  const std::string margin(kTextColumn, ' ');
  std::string out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!out.empty()) out += '\n' + margin;
    size_t column = kTextColumn;
    std::istringstream words(line);
    for (std::string word; words >> word;) {
      if (column + 1 + word.size() > kWidth && column > kTextColumn) {
        out += '\n' + margin;
        column = kTextColumn;
      }
      if (column > kTextColumn) {
        out += ' ';
        ++column;
      }
      out += word;
      column += word.size();
    }
  }
  return out;
}

std::string entry(const std::string& name, const std::string& text) {
  std::string head = "  " + name;
  if (head.size() + 2 > kTextColumn) {
    head += '\n' + std::string(kTextColumn, ' ');
  } else {
    head.resize(kTextColumn, ' ');
  }
  return head + wrapped(text) + '\n';
}

class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option(const CLI::Option* option, bool is_positional) const override {
    std::string note = option->get_required() ? " (required)" : "";
    if (option->get_type_size() != 0 && !option->get_default_str().empty()) {
      note = fmt::format(" (default: {})", option->get_default_str());
    }
    // A text of several lines is a heading with a list below.
    std::string text = option->get_description();
    const size_t heading = text.find(":\n");
    text.insert(heading == std::string::npos ? text.size() : heading, note);
    return entry(is_positional ? option->get_name(true) : flags_text(*option), text);
  }

  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override {
    // CLI11 puts two empty lines between groups.
    return CLI::detail::find_and_replace(CLI::Formatter::make_help(app, name, mode), "\n\n\n",
                                         "\n\n");
  }

  std::string make_subcommand(const CLI::App* command) const override {
    return entry(command->get_name(), command->get_description());
  }
};

}  // namespace

HelpGroup::HelpGroup(CLI::App& app, const char* title) : app_(app) {
  app_.option_defaults()->group(title);
}
HelpGroup::~HelpGroup() { app_.option_defaults()->group("Options"); }

std::shared_ptr<CLI::FormatterBase> help_formatter() { return std::make_shared<HelpFormatter>(); }

}  // namespace headrace::tools
