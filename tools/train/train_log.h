#pragma once

#include <cstdio>
#include <filesystem>

#include <nlohmann/json_fwd.hpp>

namespace headrace::tools {

/// A file of JSON objects, one per line, written as things happen. A line that a killed process
/// left unfinished is removed when the file is opened again.
class TrainLog {
 public:
  enum class Mode { kNew, kAppend };
  /// Throws kIo, also later when a line cannot be written.
  TrainLog(const std::filesystem::path& path, Mode mode);
  ~TrainLog();
  TrainLog(const TrainLog&) = delete;
  TrainLog& operator=(const TrainLog&) = delete;

  void write(const nlohmann::json& object);

 private:
  std::filesystem::path path_;
  std::FILE* file_;
};

}  // namespace headrace::tools
