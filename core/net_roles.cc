#include "core/net_roles.h"

#include <algorithm>
#include <type_traits>

#include <fmt/format.h>

#include "core/error.h"
#include "core/proto/net.pb.h"

namespace headrace {
namespace {

using NamedType = std::pair<std::string, TensorDesc>;

/// The one list of arguments, for reading and writing alike.
template <typename Roles, typename Visit>
void for_each_role(Roles& roles, Visit&& visit) {
  visit("phase", roles.phase);
  visit("external_shapes", roles.external_shapes);
  visit("data", roles.data);
  visit("labels", roles.labels);
  visit("losses", roles.losses);
  visit("accuracies", roles.accuracies);
  visit("prediction", roles.prediction);
  visit("parameters", roles.parameters);
  visit("gradients", roles.gradients);
  visit("averages", roles.averages);
  visit("optimizer_state", roles.optimizer_state);
  visit("statistics", roles.statistics);
  visit("learning_rate", roles.learning_rate);
  visit("iteration", roles.iteration);
  visit("batch_size", roles.batch_size);
  visit("world_size", roles.world_size);
  visit("world", roles.world);
  visit("micro_batches", roles.micro_batches);
  visit("accumulators", roles.accumulators);
  visit("mean_losses", roles.mean_losses);
  visit("mean_accuracies", roles.mean_accuracies);
  visit("epoch_size", roles.epoch_size);
  visit("reference_rate", roles.reference_rate);
  visit("reference_batch", roles.reference_batch);
}

NamedType parse_type(const std::string& text) {
  const size_t first = text.find(' ');
  const size_t second = first == std::string::npos ? first : text.find(' ', first + 1);
  require(second != std::string::npos && second + 1 < text.size(), ErrorCode::kInvalidNet,
          "net argument external_shapes holds '{}'; expected 'TYPE SHAPE BLOB', such as "
          "'float32 32x3x224x224 data'",
          text);
  TensorDesc desc{.dtype = parse_dtype(text.substr(0, first)),
                  .shape = Shape::parse(text.substr(first + 1, second - first - 1))};
  return {text.substr(second + 1), desc};
}

void check(bool form, const char* name, const char* expected) {
  require(form, ErrorCode::kInvalidNet, "net argument {} has to be {}", name, expected);
}

void read(const Argument& arg, const char* name, std::string& value) {
  check(arg.has_s(), name, "a string (s)");
  value = arg.s();
}
void read(const Argument& arg, const char* name, int64_t& value) {
  check(arg.has_i() && arg.i() >= 0, name, "a count (i)");
  value = arg.i();
}
void read(const Argument& arg, const char* name, float& value) {
  check(arg.has_f(), name, "a number (f)");
  value = arg.f();
}
void read(const Argument& arg, const char* name, std::vector<std::string>& value) {
  check(arg.strings_size() > 0, name, "a list of blobs (strings)");
  value.assign(arg.strings().begin(), arg.strings().end());
}
void read(const Argument& arg, const char* name, std::vector<NamedType>& value) {
  check(arg.strings_size() > 0, name, "a list of types (strings)");
  for (const std::string& text : arg.strings()) value.push_back(parse_type(text));
}

void write(const std::string& value, Argument& arg) { arg.set_s(value); }
void write(int64_t value, Argument& arg) { arg.set_i(value); }
void write(float value, Argument& arg) { arg.set_f(value); }
void write(const std::vector<std::string>& value, Argument& arg) {
  for (const std::string& name : value) arg.add_strings(name);
}
void write(const std::vector<NamedType>& value, Argument& arg) {
  for (const auto& [name, desc] : value) {
    arg.add_strings(fmt::format("{} {} {}", name_of(desc.dtype), desc.shape.to_string(), name));
  }
}

}  // namespace

NetRoles read_roles(const NetDef& net) {
  NetRoles roles;
  for_each_role(roles, [&](const char* name, auto& value) {
    for (const Argument& arg : net.arg()) {
      if (arg.name() == name) read(arg, name, value);
    }
  });
  return roles;
}

void write_roles(const NetRoles& roles, NetDef& net) {
  auto* args = net.mutable_arg();
  for_each_role(roles, [&](const char* name, const auto& value) {
    args->erase(std::remove_if(args->begin(), args->end(),
                               [&](const Argument& arg) { return arg.name() == name; }),
                args->end());
    if (value == std::remove_cvref_t<decltype(value)>{}) return;
    Argument* arg = net.add_arg();
    arg->set_name(name);
    write(value, *arg);
  });
}

}  // namespace headrace
