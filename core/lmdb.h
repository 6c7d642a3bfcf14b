#pragma once

#include <filesystem>
#include <memory>

#include "core/database.h"

/// LMDB (Symas' Lightning Memory-Mapped Database), by its own library: a folder with `data.mdb`,
/// records sorted by key, keys of at most 511 bytes.
namespace headrace {

/// Writes a folder. Everything goes to a temporary one beside it, which commit() syncs and renames;
/// a folder that exists is never replaced.
class LmdbWriter : public DatabaseWriter {
 public:
  /// Throws kInvalidArgument if there is something of that name, kIo.
  explicit LmdbWriter(const std::filesystem::path& path);
  ~LmdbWriter() override;

  /// Throws kInvalidArgument for a key that is empty, too long, or was put before.
  void put(std::string_view key, std::string_view value) override;
  void commit() override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Reads a folder, or a file made with MDB_NOSUBDIR. Takes no lock: nobody may write meanwhile.
class LmdbReader : public DatabaseReader {
 public:
  /// Throws kNotFound, kIo, and kCorrupt for what is no LMDB database or shorter than it says. (The
  /// library itself trusts the pages in between: LMDB has no checksums.)
  explicit LmdbReader(const std::filesystem::path& path);
  ~LmdbReader() override;

  bool next() override;
  std::string_view key() const override;
  std::string_view value() const override;
  uint64_t bytes() const override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace headrace
