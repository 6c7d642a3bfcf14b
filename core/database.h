#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// Databases of records, each a key and a value, as Caffe2's operators name them by `db_type`:
///
///   minidb   one file; see core/minidb.h
///   lmdb     a folder; see core/lmdb.h
namespace headrace {

/// Reads the records from the first to the last, once. Not thread-safe.
class DatabaseReader {
 public:
  virtual ~DatabaseReader() = default;
  /// Moves to the next record, the first one at first; false at the end. Throws kCorrupt.
  virtual bool next() = 0;
  /// Views that are valid until next().
  virtual std::string_view key() const = 0;
  virtual std::string_view value() const = 0;
  /// Size of the whole database. Nothing in it has more elements than that, whatever it claims.
  virtual uint64_t bytes() const = 0;
};

/// Writes a database; without commit() nothing is left. Not thread-safe.
class DatabaseWriter {
 public:
  virtual ~DatabaseWriter() = default;
  virtual void put(std::string_view key, std::string_view value) = 0;
  virtual void commit() = 0;
};

/// Which database: the content of a handle that CreateDB makes and Load takes.
struct DatabaseName {
  std::string type;
  std::filesystem::path path;
};

/// The types there are, sorted.
std::vector<std::string> database_types();
/// Throws kUnsupported, naming those there are.
void check_database_type(const std::string& type);

/// Throw check_database_type()'s errors, kNotFound, kIo and, when reading, kCorrupt.
std::unique_ptr<DatabaseReader> open_database(const DatabaseName& name);
std::unique_ptr<DatabaseWriter> create_database(const DatabaseName& name);

}  // namespace headrace
