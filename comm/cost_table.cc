#include <cmath>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "comm/cost.h"
#include "core/atomic_file.h"
#include "core/error.h"

namespace headrace::comm {
namespace {

using nlohmann::ordered_json;

// Reducing f32 out of cache runs at 10 to 25 GB/s on servers of these years. What follows for ranks
// of one host was measured with `headrace tune` on two cores of one; the network is Ethernet of
// 10 Gbit/s.
constexpr double kGamma = 0.07e-9;

ordered_json cost_json(const Cost& cost) {
  return {{"alpha_us", cost.alpha * 1e6},
          {"beta_ns_per_byte", cost.beta * 1e9},
          {"gamma_ns_per_byte", cost.gamma * 1e9}};
}

double number(const ordered_json& json, const char* key, double unit, const std::string& what) {
  const auto found = json.find(key);
  require(found != json.end() && found->is_number(), ErrorCode::kCorrupt,
          "{}: '{}' is to be a number", what, key);
  const double value = found->get<double>() * unit;
  require(std::isfinite(value) && value >= 0 && value < 1e3, ErrorCode::kCorrupt,
          "{}: '{}' is {}; no message costs that", what, key, found->dump());
  return value;
}

Cost cost_from(const ordered_json& json, const char* key, const std::string& what) {
  const auto found = json.find(key);
  require(found != json.end() && found->is_object(), ErrorCode::kCorrupt,
          "{}: '{}' is to be an object with alpha_us, beta_ns_per_byte and gamma_ns_per_byte", what,
          key);
  return {.alpha = number(*found, "alpha_us", 1e-6, what),
          .beta = number(*found, "beta_ns_per_byte", 1e-9, what),
          .gamma = number(*found, "gamma_ns_per_byte", 1e-9, what)};
}

}  // namespace

CostTable built_in_table(std::string_view transport) {
  // Reduced as it is read from the sender's memory: little more than copying it.
  const Cost inproc{1e-6, 0.06e-9, 0.02e-9};
  const Cost shm{0.5e-6, 0.06e-9, 0.03e-9};
  const Cost loopback{4.5e-6, 0.12e-9, kGamma};
  const Cost network{25e-6, 0.85e-9, kGamma};
  if (transport == "inproc") return {"inproc, built in", inproc, inproc, true};
  if (transport == "shm") return {"shm, built in", shm, shm, true};
  if (transport == "tcp-loopback") return {"tcp on loopback, built in", loopback, loopback};
  if (transport == "tcp") return {"tcp, built in", loopback, network};
  return {"generic, built in", loopback, network};
}

std::string to_json(const CostTable& table) {
  const ordered_json json = {{"name", table.name},
                             {"within", cost_json(table.within)},
                             {"between", cost_json(table.between)},
                             {"shares_memory", table.shares_memory}};
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

CostTable table_from_json(const std::string& text, const std::string& what) {
  const auto json = ordered_json::parse(text, nullptr, false);
  require(json.is_object(), ErrorCode::kCorrupt,
          "{} is no table of costs: expected JSON as `headrace tune` writes it", what);
  const auto name = json.find("name");
  require(name != json.end() && name->is_string(), ErrorCode::kCorrupt,
          "{}: 'name' is to be a text", what);
  const auto shares = json.find("shares_memory");
  require(shares == json.end() || shares->is_boolean(), ErrorCode::kCorrupt,
          "{}: 'shares_memory' is to be true or false", what);
  return {.name = name->get<std::string>(),
          .within = cost_from(json, "within", what),
          .between = cost_from(json, "between", what),
          .shares_memory = shares != json.end() && shares->get<bool>()};
}

CostTable read_table(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  require(static_cast<bool>(file), ErrorCode::kNotFound, "cannot read the table of costs '{}'",
          path);
  return table_from_json({std::istreambuf_iterator<char>(file), {}}, path);
}

void write_table(const std::string& path, const CostTable& table) {
  AtomicFile file(path);
  file.write(to_json(table));
  file.commit();
}

}  // namespace headrace::comm
