#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

namespace headrace {

/// The content of a whole file, read-only: large files are mapped, so that they take no memory of
/// their own; small ones and what cannot be mapped (pipes, /dev/stdin) are read. A mapped file must
/// not be truncated by others while it is in use; files written by AtomicFile never are.
/// Thread-safe once made.
class FileBytes {
 public:
  /// Throws kNotFound if there is no such file; kIo if it is a directory, cannot be read, or has
  /// more than `limit` bytes.
  explicit FileBytes(const std::filesystem::path& path, uint64_t limit = UINT64_MAX);
  ~FileBytes();
  FileBytes(const FileBytes&) = delete;
  FileBytes& operator=(const FileBytes&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }
  std::string_view text() const;
  /// Says that the first `until` bytes are not needed for now: where the file is mapped they leave
  /// the memory of this process, and come back when they are looked at.
  void drop(size_t until) const;
  const std::filesystem::path& path() const { return path_; }

 private:
  void read_all(int descriptor, uint64_t expected, uint64_t limit);

  std::filesystem::path path_;
  std::span<const std::byte> bytes_;
  std::vector<std::byte> buffer_;
  void* mapping_ = nullptr;
};

}  // namespace headrace
