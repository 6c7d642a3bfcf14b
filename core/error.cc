#include "core/error.h"

#include <fmt/ranges.h>

namespace headrace {

std::string_view name_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid argument";
    case ErrorCode::kInvalidNet:
      return "invalid net";
    case ErrorCode::kNotFound:
      return "not found";
    case ErrorCode::kTypeMismatch:
      return "type mismatch";
    case ErrorCode::kShapeMismatch:
      return "shape mismatch";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kIo:
      return "I/O error";
    case ErrorCode::kCorrupt:
      return "corrupt data";
    case ErrorCode::kNumeric:
      return "numeric error";
    case ErrorCode::kState:
      return "invalid state";
    case ErrorCode::kCancelled:
      return "cancelled";
    case ErrorCode::kTimeout:
      return "deadline passed";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kInternal:
      return "internal error";
  }
  return "error";
}

Error::Error(ErrorCode code, std::string message, std::source_location where)
    : code_(code), message_(std::move(message)), where_(where) {
  render();
}

Error& Error::at(OpLocation location) {
  if (location_.net.empty()) location_.net = std::move(location.net);
  if (location_.op_type.empty()) {
    location_.op_type = std::move(location.op_type);
    location_.op_name = std::move(location.op_name);
    location_.position = location.position;
    location_.step = location.step;
  }
  render();
  return *this;
}

Error& Error::on_blob(std::string blob) {
  if (blob_.empty()) blob_ = std::move(blob);
  render();
  return *this;
}

Error& Error::with_shapes(std::vector<std::string> shapes) {
  if (shapes_.empty()) shapes_ = std::move(shapes);
  render();
  return *this;
}

Error& Error::on_rank(int rank) {
  if (rank_ < 0) rank_ = rank;
  render();
  return *this;
}

Error& Error::caused_by(std::string cause) {
  if (cause_.empty()) cause_ = std::move(cause);
  render();
  return *this;
}

void Error::render() {
  text_ = fmt::format("{}: {}", name_of(code_), message_);
  if (!location_.op_type.empty()) {
    text_ += fmt::format("\n  in operator {}", location_.op_type);
    if (!location_.op_name.empty()) text_ += fmt::format(" '{}'", location_.op_name);
    if (location_.position >= 0) text_ += fmt::format(" (#{})", location_.position);
    if (location_.step >= 0) text_ += fmt::format(" of step {} of the run", location_.step + 1);
  }
  if (!location_.net.empty()) text_ += fmt::format("\n  of net '{}'", location_.net);
  if (!blob_.empty()) text_ += fmt::format("\n  blob '{}'", blob_);
  if (!shapes_.empty()) text_ += fmt::format("\n  with {}", fmt::join(shapes_, ", "));
  if (rank_ >= 0) text_ += fmt::format("\n  on rank {}", rank_);
  if (!cause_.empty()) text_ += fmt::format("\n  because: {}", cause_);
  if (code_ == ErrorCode::kInternal) {
    text_ += fmt::format("\n  at {}:{}", where_.file_name(), where_.line());
  }
}

}  // namespace headrace
