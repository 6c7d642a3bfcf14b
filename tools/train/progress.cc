#include "tools/train/progress.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tools/log.h"
#include "tools/text/units.h"

namespace headrace::tools {
namespace {

constexpr std::chrono::milliseconds kRedraw(100);
constexpr std::chrono::seconds kLine(10);
constexpr int kMostBar = 40;
constexpr int kLeastBar = 8;

int terminal_columns() {
  winsize size{};
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

std::string bar(double part, int cells) {
  const int full = static_cast<int>(std::lround(std::clamp(part, 0.0, 1.0) * cells));
  std::string text;
  for (int i = 0; i < cells; ++i) text += i < full ? "━" : "─";
  return text;
}

}  // namespace

std::string progress_line(const ProgressState& state, int columns) {
  const double part = static_cast<double>(state.iteration) / static_cast<double>(state.iterations);
  const auto epoch = std::min(static_cast<int64_t>(state.epoch) + 1, state.epochs);
  const std::string left = fmt::format("epoch {}/{}", epoch, state.epochs);
  std::string right = fmt::format("{:3.0f} %  loss {:.4f}", std::floor(100 * part), state.loss);
  if (state.accuracy) right += fmt::format("  accuracy {:.1f} %", 100 * *state.accuracy);
  if (state.learning_rate) right += fmt::format("  rate {:.4g}", *state.learning_rate);
  right += fmt::format("  {} images/s  ETA {}", count_text(std::llround(state.images_per_second)),
                       waiting_text(state.seconds_left));
  const int room = columns - static_cast<int>(left.size() + right.size()) - 3;
  if (room < kLeastBar) return left + "  " + right;
  return left + " " + bar(part, std::min(room, kMostBar)) + " " + right;
}

Progress::Style progress_style() {
  if (spdlog::get_level() > spdlog::level::info) return Progress::Style::kNone;
  return stderr_is_terminal() ? Progress::Style::kRedrawn : Progress::Style::kLines;
}

void Progress::update(const ProgressState& state) {
  if (style_ == Style::kNone) return;
  const auto now = Clock::now();
  if (now - shown_ <
      (style_ == Style::kRedrawn ? Clock::duration(kRedraw) : Clock::duration(kLine)))
    return;
  shown_ = now;
  if (style_ == Style::kLines) {
    spdlog::info("{}", progress_line(state, 0));
    return;
  }
  const int columns = terminal_columns() - 1;
  std::string line = progress_line(state, columns);
  // What does not fit would wrap, and a wrapped line cannot be redrawn.
  if (line.find("━") == line.npos && line.find("─") == line.npos &&
      static_cast<int>(line.size()) > columns) {
    line.resize(static_cast<size_t>(columns));
  }
  fmt::print(stderr, "\r\033[K{}", line);
  std::fflush(stderr);
  drawn_ = true;
}

void Progress::message(const std::string& text) {
  if (style_ == Style::kNone) return;
  clear();
  spdlog::info("{}", text);
}

void Progress::clear() {
  if (!drawn_) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
  drawn_ = false;
}

}  // namespace headrace::tools
