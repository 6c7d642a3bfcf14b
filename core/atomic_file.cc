#include "core/atomic_file.h"

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"

namespace headrace {
namespace {

constexpr std::string_view kTemporaryBegin = ".headrace-";
constexpr std::string_view kTemporaryEnd = ".tmp";
constexpr size_t kBufferSize = 64 << 10;
// Some systems refuse a single write() near 2 GiB.
constexpr size_t kLargestWrite = 1 << 30;

// The file that opening `path` would reach, which need not exist yet.
std::filesystem::path follow_links(std::filesystem::path path) {
  constexpr int kMostLinks = 40;  // as the kernel allows
  std::error_code error;
  for (int i = 0; i < kMostLinks; ++i) {
    if (!std::filesystem::is_symlink(path, error)) return path;
    const auto next = std::filesystem::read_symlink(path, error);
    if (error) break;
    path = path.parent_path() / next;
  }
  fail(ErrorCode::kIo, "cannot write '{}': {}", path.string(),
       error ? error.message() : std::strerror(ELOOP));
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : ".";
}

}  // namespace

AtomicFile::AtomicFile(const std::filesystem::path& path)
    : path_(path), target_(follow_links(path)) {
  struct stat status;
  const bool exists = ::stat(target_.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) fail_with(EISDIR, "write");
  if (exists && !S_ISREG(status.st_mode)) {
    descriptor_ = ::open(target_.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor_ < 0) fail_with(errno, "open");
  } else {
    open_temporary();
    if (exists) ::fchmod(descriptor_, status.st_mode & 07777);
  }
  buffer_.reserve(kBufferSize);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::open_temporary() {
  if (open_nameless()) return;
  take_name([this](const char* name) {
    descriptor_ = ::open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    return descriptor_ >= 0;
  });
}

bool AtomicFile::open_nameless() {
  // Only through /proc can such a file be given a name.
  if (::access("/proc/self/fd", X_OK) != 0) return false;
  const auto folder = folder_of(target_);
  descriptor_ = ::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
  nameless_ = descriptor_ >= 0;
  return nameless_;
}

// The name is independent of the target's, which may already be as long as names can be.
template <typename Create>
void AtomicFile::take_name(Create create) {
  static std::atomic<uint64_t> counter = 0;
  while (true) {
    auto name = target_.parent_path() /
                fmt::format("{}{}-{}{}", kTemporaryBegin, ::getpid(), counter++, kTemporaryEnd);
    if (create(name.c_str())) {
      temporary_ = std::move(name);
      return;
    }
    if (errno != EEXIST && errno != EINTR) fail_with(errno, "create a file beside");
  }
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  if (buffer_.size() + bytes.size() > kBufferSize) flush();
  if (bytes.size() >= kBufferSize) {
    write_through(bytes);
  } else {
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  }
}

void AtomicFile::write(std::string_view text) { write(std::as_bytes(std::span(text))); }

void AtomicFile::flush() {
  write_through(buffer_);
  buffer_.clear();
}

void AtomicFile::write_through(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written =
        ::write(descriptor_, bytes.data(), std::min(bytes.size(), kLargestWrite));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_with(errno, "write");
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
}

void AtomicFile::commit() {
  require(descriptor_ >= 0, ErrorCode::kInternal, "'{}' was committed twice", path_.string());
  flush();
  const bool direct = temporary_.empty() && !nameless_;
  if (!direct && ::fsync(descriptor_) != 0) fail_with(errno, "sync");
  if (nameless_) {
    // A link cannot replace a file, so it takes two steps; only between them a name is left behind.
    const std::string self = fmt::format("/proc/self/fd/{}", descriptor_);
    take_name([&](const char* name) {
      return ::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0;
    });
  }
  const int closed = ::close(descriptor_);
  descriptor_ = -1;
  if (closed != 0) fail_with(errno, "write");
  if (direct) return;
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail_with(errno, "replace");
  temporary_.clear();

  // The rename itself must survive a power cut too. Some file systems cannot sync a folder; the
  // content is safe there and only the moment of the rename is theirs to choose.
  const auto folder = folder_of(target_);
  const int handle = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (handle < 0) return;
  ::fsync(handle);
  ::close(handle);
}

void AtomicFile::fail_with(int error, std::string_view action) const {
  const bool missing = error == ENOENT || error == ENOTDIR;
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  fail(missing ? ErrorCode::kNotFound : ErrorCode::kIo, "cannot {} '{}': {}{}", action,
       path_.string(), std::strerror(error),
       missing ? "; create the folder first"
       : full  ? "; nothing was changed: make room and save again"
               : "");
}

void remove_unfinished_files(const std::filesystem::path& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kTemporaryBegin) || !name.ends_with(kTemporaryEnd)) continue;
    std::filesystem::remove(entry.path(), error);
    if (error) break;
  }
  require(!error, ErrorCode::kIo, "cannot remove unfinished files from '{}': {}", folder.string(),
          error.message());
}

}  // namespace headrace
