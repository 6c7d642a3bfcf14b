#pragma once

#include <filesystem>
#include <string_view>

#include "core/atomic_file.h"
#include "core/file_bytes.h"

/// Caffe2's simplest database: records one after another, each two int32 (length of key, length of
/// value, little-endian), key, value. No index, no checksum; read from front to back.
namespace headrace {

/// Writes a database; without commit() nothing is left and an old file stays. Not thread-safe.
class MiniDbWriter {
 public:
  explicit MiniDbWriter(const std::filesystem::path& path) : file_(path) {}

  /// Throws kUnsupported when a value has 2 GiB or more.
  void put(std::string_view key, std::string_view value);
  void commit() { file_.commit(); }

 private:
  AtomicFile file_;
};

/// Reads a database from front to back. Not thread-safe.
class MiniDbReader {
 public:
  /// Throws what FileBytes throws.
  explicit MiniDbReader(const std::filesystem::path& path) : file_(path) {}

  /// Moves to the next record, the first one at first; false at the end. Throws kCorrupt where the
  /// file ends within a record or the lengths make no sense.
  bool next();
  /// Views into the file.
  std::string_view key() const { return key_; }
  std::string_view value() const { return value_; }

 private:
  FileBytes file_;
  size_t at_ = 0;
  std::string_view key_;
  std::string_view value_;
};

}  // namespace headrace
