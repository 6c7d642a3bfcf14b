#include "core/database.h"

#include <functional>
#include <map>

#include <fmt/ranges.h>

#include "core/error.h"
#include "core/lmdb.h"
#include "core/minidb.h"

namespace headrace {
namespace {

struct Type {
  std::function<std::unique_ptr<DatabaseReader>(const std::filesystem::path&)> open;
  std::function<std::unique_ptr<DatabaseWriter>(const std::filesystem::path&)> create;
};

template <typename Reader, typename Writer>
Type type_of() {
  return {[](const auto& path) { return std::make_unique<Reader>(path); },
          [](const auto& path) { return std::make_unique<Writer>(path); }};
}

const std::map<std::string, Type>& types() {
  static const std::map<std::string, Type> all = {
      {"lmdb", type_of<LmdbReader, LmdbWriter>()},
      {"minidb", type_of<MiniDbReader, MiniDbWriter>()},
  };
  return all;
}

}  // namespace

std::vector<std::string> database_types() {
  std::vector<std::string> names;
  for (const auto& [name, type] : types()) names.push_back(name);
  return names;
}

void check_database_type(const std::string& type) {
  require(types().contains(type), ErrorCode::kUnsupported,
          "databases of type '{}' are not supported; there are: {}", type,
          fmt::join(database_types(), ", "));
}

std::unique_ptr<DatabaseReader> open_database(const DatabaseName& name) {
  check_database_type(name.type);
  return types().at(name.type).open(name.path);
}

std::unique_ptr<DatabaseWriter> create_database(const DatabaseName& name) {
  check_database_type(name.type);
  return types().at(name.type).create(name.path);
}

}  // namespace headrace
