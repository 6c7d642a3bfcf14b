#include "tools/train/train_log.h"

#include <cerrno>
#include <cstring>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/file_bytes.h"

namespace headrace::tools {
namespace {

void remove_unfinished_line(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return;
  size_t whole = 0;
  {
    const FileBytes file(path);
    const size_t last = file.text().rfind('\n');
    whole = last == std::string_view::npos ? 0 : last + 1;
    if (whole == file.text().size()) return;
  }
  std::filesystem::resize_file(path, whole);
}

}  // namespace

TrainLog::TrainLog(const std::filesystem::path& path, Mode mode) : path_(path) {
  if (mode == Mode::kAppend) remove_unfinished_line(path);
  file_ = std::fopen(path.c_str(), mode == Mode::kNew ? "we" : "ae");
  require(file_ != nullptr, ErrorCode::kIo, "cannot write '{}': {}", path.native(),
          std::strerror(errno));
}

TrainLog::~TrainLog() { std::fclose(file_); }

void TrainLog::write(const nlohmann::json& object) {
  const std::string line =
      object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
  const bool written = std::fwrite(line.data(), 1, line.size(), file_) == line.size();
  require(written && std::fflush(file_) == 0, ErrorCode::kIo, "cannot write '{}': {}",
          path_.native(), std::strerror(errno));
}

}  // namespace headrace::tools
