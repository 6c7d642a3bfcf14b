#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace headrace::tools {

/// How far a training job is, as shown to people.
struct ProgressState {
  int64_t iteration = 0;
  int64_t iterations = 1;
  double epoch = 0;  // passed
  int64_t epochs = 1;
  double loss = 0;
  std::optional<double> accuracy;  // if the net measures it
  std::optional<double> learning_rate;
  double images_per_second = 0;
  double seconds_left = 0;
};

/// "epoch 2/4  52 %  loss 0.312  accuracy 88.9 %  rate 0.0834  1,912 images/s  ETA 0:48", with a
/// bar in it as wide as there is room in `columns`, if any.
std::string progress_line(const ProgressState& state, int columns);

/// Shows progress on stderr: on a terminal a line that is redrawn up to ten times a second, else a
/// line every ten seconds. Other lines go through message(), so that they do not run into it.
class Progress {
 public:
  enum class Style { kNone, kLines, kRedrawn };
  explicit Progress(Style style) : style_(style) {}
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(const ProgressState& state);
  /// A line that stays, shown with the log's ordinary messages, unless nothing is shown.
  void message(const std::string& text);
  /// Removes the line that is redrawn.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;

  Style style_;
  Clock::time_point shown_{};
  bool drawn_ = false;
};

/// The style for this process's stderr.
Progress::Style progress_style();

}  // namespace headrace::tools
