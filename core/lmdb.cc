#include "core/lmdb.h"

#include <utility>

#include <lmdb.h>
#include <unistd.h>

#include "core/error.h"

namespace headrace {
namespace {

/// Changed pages are held in memory until their transaction ends.
constexpr size_t kBytesPerTransaction = size_t{64} << 20;
/// Addresses, not memory: what a database may take, doubled whenever three times what was written
/// comes near it (pages are up to half empty).
constexpr size_t kFirstMapBytes = size_t{1} << 30;

void check(int result, const std::filesystem::path& path, const char* action) {
  if (result == 0) return;
  const bool damaged =
      result == MDB_INVALID || result == MDB_CORRUPTED || result == MDB_VERSION_MISMATCH;
  fail(damaged ? ErrorCode::kCorrupt : ErrorCode::kIo, "cannot {} the LMDB database {}: {}", action,
       path.string(), mdb_strerror(result));
}

struct CloseEnvironment {
  void operator()(MDB_env* environment) const { mdb_env_close(environment); }
};
struct Abort {
  void operator()(MDB_txn* transaction) const { mdb_txn_abort(transaction); }
};
struct CloseCursor {
  void operator()(MDB_cursor* cursor) const { mdb_cursor_close(cursor); }
};
using Environment = std::unique_ptr<MDB_env, CloseEnvironment>;
using Transaction = std::unique_ptr<MDB_txn, Abort>;
using Cursor = std::unique_ptr<MDB_cursor, CloseCursor>;

MDB_val as_value(std::string_view text) { return {text.size(), const_cast<char*>(text.data())}; }

std::string_view as_text(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

/// Members in the order in which they depend on each other.
struct Connection {
  explicit Connection(const std::filesystem::path& the_path) : path(the_path) {
    MDB_env* made = nullptr;
    check(mdb_env_create(&made), path, "open");
    environment.reset(made);
  }

  void begin(unsigned flags) {
    MDB_txn* made = nullptr;
    check(mdb_txn_begin(environment.get(), nullptr, flags, &made), path, "open");
    transaction.reset(made);
    check(mdb_dbi_open(transaction.get(), nullptr, 0, &database), path, "open");
  }

  std::filesystem::path path;
  Environment environment;
  Transaction transaction;
  MDB_dbi database = 0;
};

}  // namespace

struct LmdbWriter::Impl : Connection {
  explicit Impl(const std::filesystem::path& path)
      : Connection(path), temporary(path.string() + fmt::format(".new-{}", getpid())) {
    std::error_code error;
    require(!std::filesystem::exists(path, error), ErrorCode::kInvalidArgument,
            "{} exists, and an LMDB database is not replaced: remove it, or name another folder",
            path.string());
    std::filesystem::create_directory(temporary, error);
    require(!error, ErrorCode::kIo, "cannot make the folder {}: {}", temporary.string(),
            error.message());
    check(mdb_env_set_mapsize(environment.get(), map), path, "create");
    check(mdb_env_open(environment.get(), temporary.c_str(), MDB_NOSYNC | MDB_NOLOCK, 0664), path,
          "create");
    begin(0);
  }

  ~Impl() {
    transaction.reset();
    environment.reset();
    std::error_code ignored;  // the folder is of no use to anybody, and named so
    std::filesystem::remove_all(temporary, ignored);
  }

  /// Ends a transaction and begins the next one, in a larger map if need be.
  void turn_over(size_t next) {
    check(mdb_txn_commit(transaction.release()), path, "write");
    written += std::exchange(pending, 0);
    while (3 * (written + next + kBytesPerTransaction) > map) map *= 2;
    check(mdb_env_set_mapsize(environment.get(), map), path, "write");
    begin(0);
  }

  std::filesystem::path temporary;
  size_t map = kFirstMapBytes;
  size_t written = 0;  // in transactions that have ended
  size_t pending = 0;
};

LmdbWriter::LmdbWriter(const std::filesystem::path& path) : impl_(std::make_unique<Impl>(path)) {}

LmdbWriter::~LmdbWriter() = default;

void LmdbWriter::put(std::string_view key, std::string_view value) {
  const auto most = static_cast<size_t>(mdb_env_get_maxkeysize(impl_->environment.get()));
  require(!key.empty() && key.size() <= most, ErrorCode::kInvalidArgument,
          "a key of {} bytes cannot stand in an LMDB database, which takes 1 to {}: '{}'",
          key.size(), most, key);
  const size_t bytes = key.size() + value.size();
  if (impl_->pending + bytes > kBytesPerTransaction) impl_->turn_over(bytes);
  MDB_val k = as_value(key);
  MDB_val v = as_value(value);
  const int result = mdb_put(impl_->transaction.get(), impl_->database, &k, &v, MDB_NOOVERWRITE);
  require(result != MDB_KEYEXIST, ErrorCode::kInvalidArgument, "the key '{}' was written before",
          key);
  check(result, impl_->path, "write");
  impl_->pending += bytes;
}

void LmdbWriter::commit() {
  check(mdb_txn_commit(impl_->transaction.release()), impl_->path, "write");
  check(mdb_env_sync(impl_->environment.get(), 1), impl_->path, "write");
  std::error_code error;
  std::filesystem::rename(impl_->temporary, impl_->path, error);
  require(!error, ErrorCode::kIo, "cannot rename {} to {}: {}", impl_->temporary.string(),
          impl_->path.string(), error.message());
}

struct LmdbReader::Impl : Connection {
  explicit Impl(const std::filesystem::path& path) : Connection(path) {
    std::error_code error;
    const bool folder = std::filesystem::is_directory(path, error);
    const std::filesystem::path file = folder ? path / "data.mdb" : path;
    require(std::filesystem::exists(file, error), ErrorCode::kNotFound,
            "there is no LMDB database {}: {} does not exist", path.string(), file.string());
    const unsigned flags = MDB_RDONLY | MDB_NOLOCK | MDB_NOTLS | (folder ? 0U : MDB_NOSUBDIR);
    check(mdb_env_open(environment.get(), path.c_str(), flags, 0), path, "open");
    check_size(file);
    bytes = std::filesystem::file_size(file);
    begin(MDB_RDONLY);
    MDB_cursor* made = nullptr;
    check(mdb_cursor_open(transaction.get(), database, &made), path, "read");
    cursor.reset(made);
  }

  /// Reading a page that a truncated file does not have would kill the process.
  void check_size(const std::filesystem::path& file) const {
    MDB_envinfo info{};
    MDB_stat stat{};
    check(mdb_env_info(environment.get(), &info), path, "open");
    check(mdb_env_stat(environment.get(), &stat), path, "open");
    const auto wanted = (static_cast<uint64_t>(info.me_last_pgno) + 1) * stat.ms_psize;
    const uint64_t found = std::filesystem::file_size(file);
    require(found >= wanted, ErrorCode::kCorrupt,
            "{} is truncated: it has {} bytes and should have {}", file.string(), found, wanted);
  }

  uint64_t bytes = 0;
  Cursor cursor;  // ends before its transaction
  MDB_val key{};
  MDB_val value{};
};

LmdbReader::LmdbReader(const std::filesystem::path& path) : impl_(std::make_unique<Impl>(path)) {}

LmdbReader::~LmdbReader() = default;

bool LmdbReader::next() {
  const int result = mdb_cursor_get(impl_->cursor.get(), &impl_->key, &impl_->value, MDB_NEXT);
  if (result == MDB_NOTFOUND) return false;
  check(result, impl_->path, "read");
  return true;
}

std::string_view LmdbReader::key() const { return as_text(impl_->key); }
std::string_view LmdbReader::value() const { return as_text(impl_->value); }
uint64_t LmdbReader::bytes() const { return impl_->bytes; }

}  // namespace headrace
