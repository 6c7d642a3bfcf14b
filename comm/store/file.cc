#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "comm/secret.h"
#include "comm/store/open.h"
#include "comm/store/table.h"
#include "core/error.h"

namespace headrace::comm {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::microseconds kFirstPause{200};
constexpr std::chrono::microseconds kLongestPause{5000};
constexpr size_t kMaxPlainName = 200;  // file names end at 255 bytes

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int descriptor() const { return descriptor_; }
  bool is_open() const { return descriptor_ >= 0; }

 private:
  int descriptor_;
};

// Letters, digits, '-' and '_' as they are, every other byte as %XX: no key is a path, a hidden
// file, or differs from another by case alone on a file system that ignores case.
std::string encode(std::string_view key) {
  std::string name;
  for (const char character : key) {
    const auto byte = static_cast<uint8_t>(character);
    const bool plain =
        (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' || byte == '_';
    if (plain) {
      name.push_back(character);
    } else {
      name += fmt::format("%{:02x}", byte);
    }
  }
  return name;
}

// A file per key, in one folder. A value is written to a file of its own (O_EXCL), which then takes
// the key's name in one step (rename), so that readers, who need no lock, see all of it or nothing.
// Writers hold a lock on the file ".lock"; the operating system takes it back from a process that
// dies. Both hold on NFS too.
class FileStore final : public Store {
 public:
  FileStore(std::filesystem::path folder, double timeout)
      : folder_(std::move(folder)), timeout_(timeout) {
    std::error_code error;
    std::filesystem::create_directories(folder_, error);
    std::error_code not_there;  // says less: `error` is why
    require(std::filesystem::is_directory(folder_, not_there), ErrorCode::kIo,
            "the store needs a folder '{}' that all ranks can write to, and cannot make it: {}",
            folder_.string(), error.message());
    unique_ = encode_bytes(random_nonce());
  }

  std::string describe() const override { return "file:" + folder_.string(); }

 private:
  // Two processes, of two machines perhaps, never choose the same.
  static std::string encode_bytes(const Nonce& nonce) {
    std::string text;
    for (size_t i = 0; i < 12; ++i) text += fmt::format("{:02x}", nonce[i]);
    return text;
  }

  void do_set(std::string_view key, std::string_view value) override {
    const Lock lock(*this);
    replace(key, value);
  }

  std::optional<std::string> do_wait(std::string_view key, Deadline deadline) override {
    const auto path = path_of(key);
    for (auto pause = kFirstPause;; pause = std::min(pause * 2, kLongestPause)) {
      if (auto value = read(path)) return value;
      const auto now = steady_clock::now();
      if (now >= deadline) return std::nullopt;
      std::this_thread::sleep_for(
          std::min(pause, std::chrono::ceil<std::chrono::microseconds>(deadline - now)));
      // Opening the folder makes an NFS client ask whether it has changed; it would believe for up
      // to a minute that a file it did not find is not there.
      const File folder(open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      if (!folder.is_open()) fail_with(errno, "open the folder");
    }
  }

  std::optional<std::string> do_try_get(std::string_view key) override {
    return read(path_of(key));
  }

  int64_t do_add(std::string_view key, int64_t amount) override {
    const Lock lock(*this);
    const auto text = read(path_of(key));
    const int64_t sum = sum_of(key, text, amount);
    replace(key, std::to_string(sum));
    return sum;
  }

  std::string do_set_if_absent(std::string_view key, std::string_view value) override {
    const Lock lock(*this);
    if (auto present = read(path_of(key))) return std::move(*present);
    replace(key, value);
    return std::string(value);
  }

  bool do_erase(std::string_view key) override {
    const Lock lock(*this);
    if (unlink(path_of(key).c_str()) == 0) return true;
    if (errno != ENOENT) fail_with(errno, "remove a file in");
    return false;
  }

  // Keys too long for a file name are kept under their hash.
  std::filesystem::path path_of(std::string_view key) const {
    std::string name = encode(key);
    if (name.size() > kMaxPlainName) name = "=" + sha256(key);
    return folder_ / name;
  }

  std::optional<std::string> read(const std::filesystem::path& path) const {
    // A file that is replaced while it is read may be gone on NFS (ESTALE): look again.
    for (int attempt = 0;; ++attempt) {
      const File file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
      if (!file.is_open()) {
        if (errno == ENOENT) return std::nullopt;
        if (errno == ESTALE && attempt < 3) continue;
        fail_with(errno, "open a file in");
      }
      std::string value;
      char block[1 << 16];
      ssize_t count = 0;
      while ((count = ::read(file.descriptor(), block, sizeof block)) > 0) {
        value.append(block, static_cast<size_t>(count));
        require(value.size() <= kMaxValue, ErrorCode::kCorrupt,
                "'{}' is longer than any value of a store; is this folder used by others?",
                path.string());
      }
      if (count == 0) return value;
      if (errno != ESTALE || attempt == 3) fail_with(errno, "read a file in");
    }
  }

  void replace(std::string_view key, std::string_view value) {
    const auto path = path_of(key);
    const auto temporary = folder_ / fmt::format(".{}.{}", unique_, ++files_);
    {
      const File file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
      if (!file.is_open()) fail_with(errno, "make a file in");
      while (!value.empty()) {
        const ssize_t count = write(file.descriptor(), value.data(), value.size());
        if (count < 0) {
          const int error = errno;
          unlink(temporary.c_str());
          fail_with(error, "write to a file in");
        }
        value.remove_prefix(static_cast<size_t>(count));
      }
    }
    if (rename(temporary.c_str(), path.c_str()) == 0) return;
    const int error = errno;
    unlink(temporary.c_str());
    fail_with(error, "rename a file in");
  }

  [[noreturn]] void fail_with(int error, std::string_view action) const {
    fail(error == ENOENT || error == ENOTDIR || error == ESTALE ? ErrorCode::kUnavailable
                                                                : ErrorCode::kIo,
         "the store cannot {} '{}': {}", action, folder_.string(), std::strerror(error));
  }

  // Held by one writer among all threads of all processes.
  class Lock {
   public:
    explicit Lock(const FileStore& store)
        : file_(open((store.folder_ / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
      if (!file_.is_open()) store.fail_with(errno, "open the lock of");
      struct flock all {};
      all.l_type = F_WRLCK;
      all.l_whence = SEEK_SET;
      const Deadline deadline = deadline_in(store.timeout_);
      auto pause = kFirstPause;
      while (fcntl(file_.descriptor(), F_OFD_SETLK, &all) != 0) {
        if (errno != EAGAIN && errno != EACCES) {
          store.fail_with(errno, "lock (a file system without locks cannot be a store)");
        }
        require(steady_clock::now() < deadline, ErrorCode::kTimeout,
                "another process has held the lock of the store '{}' for {} s; is it stopped?",
                store.folder_.string(), store.timeout_);
        std::this_thread::sleep_for(pause);
        pause = std::min(pause * 2, kLongestPause);
      }
    }

   private:
    File file_;  // closing it gives the lock back
  };

  std::filesystem::path folder_;
  double timeout_;
  std::string unique_;
  std::atomic<uint64_t> files_ = 0;
};

}  // namespace

std::shared_ptr<Store> open_file_store(std::filesystem::path folder, double timeout) {
  return std::make_shared<FileStore>(std::move(folder), timeout);
}

}  // namespace headrace::comm
