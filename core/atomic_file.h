#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

namespace headrace {

/// Writes a file so that its name always holds the whole old or the whole new content: bytes go to
/// a temporary file in the same folder, which commit() syncs to disk and renames. Without commit()
/// (an exception on the way, a full disk) the old file stays and the new one is gone, even if the
/// process is killed: the temporary file has no name until then, where the file system can do that.
///
/// Symbolic links are followed and the permissions of a replaced file are kept. What is not a
/// regular file (/dev/stdout, a pipe) has no old content to protect and is written directly.
///
/// Every failure is an Error: kNotFound if the folder does not exist, else kIo. Not thread-safe;
/// any number of objects may write to the same path, the last commit() wins.
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);

  /// Makes what was written the content of path(). At most once, as the last call.
  void commit();

  const std::filesystem::path& path() const { return path_; }

 private:
  void open_temporary();
  bool open_nameless();
  /// Calls create(name) with names in the target's folder until one is not taken.
  template <typename Create>
  void take_name(Create create);
  void flush();
  void write_through(std::span<const std::byte> bytes);
  [[noreturn]] void fail_with(int error, std::string_view action) const;

  std::filesystem::path path_;       // as the caller named it
  std::filesystem::path target_;     // with links resolved
  std::filesystem::path temporary_;  // empty when writing directly or without a name
  int descriptor_ = -1;
  bool nameless_ = false;
  std::vector<std::byte> buffer_;
};

/// Removes from a folder what processes that were killed just when they gave a file its name have
/// left there. Nobody may be writing into it. Throws kIo.
void remove_unfinished_files(const std::filesystem::path& folder);

}  // namespace headrace
