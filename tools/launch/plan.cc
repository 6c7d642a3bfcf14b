#include "tools/launch/plan.h"

#include <algorithm>
#include <charconv>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "core/error.h"

namespace headrace::tools {

std::vector<Place> parse_hosts(const std::string& text) {
  const auto refuse = [&](const char* why) {
    throw CLI::ValidationError(
        fmt::format("--hosts: {} in '{}'; expected HOST[:SLOTS],...", why, text));
  };
  std::vector<Place> places;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    std::string_view one = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    Place place;
    const size_t close = one.starts_with('[') ? one.find(']') : std::string_view::npos;
    const size_t colon = one.find(':', close == one.npos ? 0 : close);
    if (one.starts_with('[')) {
      if (close == one.npos) refuse("'[' without ']'");
      place.host = one.substr(1, close - 1);
    } else {
      place.host = one.substr(0, colon);
    }
    if (colon != one.npos) {
      const std::string_view slots = one.substr(colon + 1);
      const auto [stop, error] =
          std::from_chars(slots.data(), slots.data() + slots.size(), place.slots);
      if (error != std::errc() || stop != slots.data() + slots.size() || place.slots < 1) {
        refuse("the number of slots is none");
      }
    }
    // ssh would take it for an option.
    if (place.host.empty() || place.host.starts_with('-')) refuse("a host has no name");
    places.push_back(std::move(place));
  }
  return places;
}

std::vector<Place> fill(std::vector<Place> places, int ranks) {
  int64_t slots = 0;
  for (const Place& place : places) slots += place.slots;
  if (ranks == 0 && slots > kMostRanks) {
    throw CLI::ValidationError(
        fmt::format("--hosts: {} slots; a launch has at most {} ranks", slots, kMostRanks));
  }
  if (ranks == 0) return places;
  if (ranks > slots) {
    throw CLI::ValidationError(fmt::format(
        "-n {}: the hosts have {} slots; name more, or write HOST:SLOTS", ranks, slots));
  }
  for (Place& place : places) {
    place.slots = std::min(place.slots, ranks);
    ranks -= place.slots;
  }
  std::erase_if(places, [](const Place& place) { return place.slots == 0; });
  return places;
}

bool is_this_machine(const std::string& host) {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return host.empty() || host == "localhost" || host.starts_with("127.") || host == "::1" ||
         host == name;
}

Environment Share::of_rank(int local_rank) const {
  Environment all = environment;
  all["HEADRACE_RANK"] = std::to_string(first_rank + local_rank);
  all["HEADRACE_LOCAL_RANK"] = std::to_string(local_rank);
  all["HEADRACE_LOCAL_SIZE"] = std::to_string(count);
  return all;
}

std::string to_json(const Share& share) {
  // Arguments and values are bytes; JSON is UTF-8. Nothing may be lost on the way.
  const nlohmann::json json = {{"first_rank", share.first_rank},
                               {"count", share.count},
                               {"environment", share.environment},
                               {"folder", share.folder},
                               {"command", share.command},
                               {"grace", share.grace},
                               {"prefix", share.prefix}};
  try {
    return json.dump();
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorCode::kUnsupported,
         "the command, its folder or a variable for another host is not UTF-8: {}", error.what());
  }
}

Share share_from_json(const std::string& text) {
  try {
    const auto json = nlohmann::json::parse(text);
    return {.first_rank = json.at("first_rank"),
            .count = json.at("count"),
            .environment = json.at("environment"),
            .folder = json.at("folder"),
            .command = json.at("command"),
            .grace = json.at("grace"),
            .prefix = json.at("prefix")};
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorCode::kCorrupt,
         "--agent reads what to start from `headrace launch` of the same version: {}",
         error.what());
  }
}

}  // namespace headrace::tools
