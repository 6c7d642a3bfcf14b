#pragma once

#include <memory>

namespace CLI {
class App;
class FormatterBase;
}  // namespace CLI

namespace headrace::tools {

/// Help as headrace prints it: a column of flags with what they take, a column of text that ends
/// with the default, wrapped at 100 characters.
std::shared_ptr<CLI::FormatterBase> help_formatter();

/// While it lives, options that are added are listed under this title.
class HelpGroup {
 public:
  HelpGroup(CLI::App& app, const char* title);
  ~HelpGroup();
  HelpGroup(const HelpGroup&) = delete;
  HelpGroup& operator=(const HelpGroup&) = delete;

 private:
  CLI::App& app_;
};

}  // namespace headrace::tools
