#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "core/atomic_file.h"
#include "core/database.h"
#include "core/file_bytes.h"

/// Caffe2's simplest database: records one after another, each two int32 (length of key, length of
/// value, little-endian), key, value. No index, no checksum; read from front to back.
namespace headrace {

/// Without commit() an old file stays.
class MiniDbWriter : public DatabaseWriter {
 public:
  explicit MiniDbWriter(const std::filesystem::path& path) : file_(path) {}

  /// Throws kUnsupported when a value has 2 GiB or more.
  void put(std::string_view key, std::string_view value) override;
  void commit() override { file_.commit(); }

 private:
  AtomicFile file_;
};

class MiniDbReader : public DatabaseReader {
 public:
  /// Throws what FileBytes throws.
  explicit MiniDbReader(const std::filesystem::path& path)
      : file_(path), content_(file_->text()), name_(path.string()) {}
  /// Of content in memory, which must outlive the reader; `name` stands for the file in errors.
  MiniDbReader(std::string_view content, std::string name)
      : content_(content), name_(std::move(name)) {}

  /// Throws kCorrupt where the file ends within a record or the lengths make no sense.
  bool next() override;
  /// Views into the file.
  std::string_view key() const override { return key_; }
  std::string_view value() const override { return value_; }
  uint64_t bytes() const override { return content_.size(); }

 private:
  std::optional<FileBytes> file_;
  std::string_view content_;
  std::string name_;
  size_t at_ = 0;
  std::string_view key_;
  std::string_view value_;
};

}  // namespace headrace
