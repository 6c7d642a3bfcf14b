#include "core/file_bytes.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"

namespace headrace {
namespace {

constexpr uint64_t kMapFrom = 16 << 20;
constexpr size_t kReadStep = 1 << 20;

struct Descriptor {
  int value;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
};

[[noreturn]] void fail_reading(const std::filesystem::path& path, int error) {
  const bool missing = error == ENOENT || error == ENOTDIR;
  fail(missing ? ErrorCode::kNotFound : ErrorCode::kIo, "cannot read '{}': {}", path.string(),
       std::strerror(error));
}

void require_within(uint64_t size, uint64_t limit, const std::filesystem::path& path) {
  require(size <= limit, ErrorCode::kIo, "'{}' is too large: {} bytes, at most {} can be read",
          path.string(), size, limit);
}

}  // namespace

FileBytes::FileBytes(const std::filesystem::path& path, uint64_t limit) : path_(path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.value < 0) fail_reading(path, errno);
  struct stat status;
  if (::fstat(file.value, &status) != 0) fail_reading(path, errno);
  if (S_ISDIR(status.st_mode)) fail_reading(path, EISDIR);

  const auto size = static_cast<uint64_t>(status.st_size);
  if (S_ISREG(status.st_mode)) require_within(size, limit, path);
  if (S_ISREG(status.st_mode) && size >= kMapFrom) {
    void* mapping = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.value, 0);
    if (mapping != MAP_FAILED) {
      mapping_ = mapping;
      bytes_ = {static_cast<const std::byte*>(mapping), size};
      return;
    }
  }
  read_all(file.value, size, limit);
}

FileBytes::~FileBytes() {
  if (mapping_ != nullptr) ::munmap(mapping_, bytes_.size());
}

// Reads to the end, whatever the size was said to be: that of a pipe, or of a file under /proc, is
// not known before.
void FileBytes::read_all(int descriptor, uint64_t expected, uint64_t limit) {
  size_t used = 0;
  buffer_.resize(static_cast<size_t>(expected) + 1);
  while (true) {
    if (used == buffer_.size()) buffer_.resize(std::max(used * 2, kReadStep));
    const size_t room = std::min(buffer_.size() - used, kReadStep);
    const ssize_t got = ::read(descriptor, buffer_.data() + used, room);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_reading(path_, errno);
    if (got == 0) break;
    used += static_cast<size_t>(got);
    require_within(used, limit, path_);
  }
  bytes_ = std::span<const std::byte>(buffer_).first(used);
}

std::string_view FileBytes::text() const {
  return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
}

void FileBytes::drop(size_t until) const {
  if (mapping_ == nullptr) return;
  static const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  // Advice only: where it is not taken, memory is used and nothing is wrong.
  ::madvise(mapping_, std::min(until, bytes_.size()) / page * page, MADV_DONTNEED);
}

}  // namespace headrace
