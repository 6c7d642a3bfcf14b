#include "data/data_source.h"

#include <map>

#include <fmt/format.h>

#include "core/error.h"
#include "core/text.h"

namespace headrace {
namespace {

struct Kind {
  std::string usage;
  RegisterDataKind::Open open;
};

std::map<std::string, Kind, std::less<>>& kinds() {
  static std::map<std::string, Kind, std::less<>> map;
  return map;
}

}  // namespace

RegisterDataKind::RegisterDataKind(std::string_view kind, std::string_view usage, Open open) {
  kinds().emplace(kind, Kind{std::string(usage), open});
}

DataSet open_data(std::string_view specification) {
  const size_t colon = specification.find(':');
  const std::string_view kind = specification.substr(0, colon);
  const auto found = kinds().find(kind);
  if (found == kinds().end()) {
    std::vector<std::string> names;
    std::string usages;
    for (const auto& [name, entry] : kinds()) {
      names.push_back(name);
      usages += "\n  " + entry.usage;
    }
    fail(ErrorCode::kNotFound, "no kind of data is called '{}'{}. There are:{}", kind,
         did_you_mean(kind, names), usages);
  }
  const bool has_where = colon != specification.npos;
  require(!has_where || colon + 1 < specification.size(), ErrorCode::kInvalidArgument,
          "nothing stands behind the colon of '{}'; it is used as {}", specification,
          found->second.usage);
  return found->second.open(has_where ? specification.substr(colon + 1) : std::string_view());
}

std::vector<std::string> data_kinds() {
  std::vector<std::string> usages;
  for (const auto& [name, entry] : kinds()) usages.push_back(entry.usage);
  return usages;
}

}  // namespace headrace
