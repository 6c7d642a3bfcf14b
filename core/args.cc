#include "core/args.h"

#include <algorithm>

#include "core/error.h"
#include "core/op_schema.h"
#include "core/proto/net.pb.h"

namespace headrace {
namespace {

/// Which fields of the message carry something.
std::vector<ArgKind> filled_fields(const Argument& arg) {
  std::vector<ArgKind> kinds;
  if (arg.has_i()) kinds.push_back(ArgKind::kInt);
  if (arg.has_f()) kinds.push_back(ArgKind::kFloat);
  if (arg.has_s()) kinds.push_back(ArgKind::kString);
  if (arg.ints_size() > 0) kinds.push_back(ArgKind::kInts);
  if (arg.floats_size() > 0) kinds.push_back(ArgKind::kFloats);
  if (arg.strings_size() > 0) kinds.push_back(ArgKind::kStrings);
  if (arg.has_n()) kinds.push_back(ArgKind::kNet);
  if (arg.has_t()) kinds.push_back(ArgKind::kTensor);
  return kinds;
}

bool is_scalar(ArgKind kind) {
  return kind == ArgKind::kInt || kind == ArgKind::kFloat || kind == ArgKind::kString;
}

bool is_list(ArgKind kind) {
  return kind == ArgKind::kInts || kind == ArgKind::kFloats || kind == ArgKind::kStrings;
}

/// Whether an argument declared as `declared` may be given, or read, as `kind`.
bool fits(ArgKind declared, ArgKind kind) {
  return declared == kind || (declared == ArgKind::kScalar && is_scalar(kind)) ||
         (declared == ArgKind::kList && is_list(kind));
}

/// The problem with an argument that is present and is to be read as `kind`, or "". An empty list
/// has no field filled at all and is fine for the list kinds.
std::string field_problem(std::string_view name, ArgKind kind, const Argument& arg) {
  std::vector<ArgKind> kinds = filled_fields(arg);
  if (kinds.empty() && (is_list(kind) || kind == ArgKind::kList)) return "";
  if (std::ranges::any_of(kinds, [&](ArgKind found) { return fits(kind, found); })) return "";
  return fmt::format("argument '{}' must be given as '{}', found '{}'", name, name_of(kind),
                     kinds.empty() ? "nothing" : name_of(kinds.front()));
}

}  // namespace

std::string_view name_of(ArgKind kind) {
  switch (kind) {
    case ArgKind::kInt:
      return "i";
    case ArgKind::kFloat:
      return "f";
    case ArgKind::kString:
      return "s";
    case ArgKind::kInts:
      return "ints";
    case ArgKind::kFloats:
      return "floats";
    case ArgKind::kStrings:
      return "strings";
    case ArgKind::kNet:
      return "n";
    case ArgKind::kTensor:
      return "t";
    case ArgKind::kScalar:
      return "i, f or s";
    case ArgKind::kList:
      return "ints, floats or strings";
  }
  return "?";
}

const ArgSpec& Args::spec(std::string_view name) const {
  auto found = std::ranges::find(schema_->args(), name, &ArgSpec::name);
  require(found != schema_->args().end(), ErrorCode::kInternal,
          "operator {} does not declare an argument '{}'", schema_->type(), name);
  return *found;
}

const ArgSpec& Args::spec(std::string_view name, ArgKind kind) const {
  const ArgSpec& declared = spec(name);
  require(fits(declared.kind, kind), ErrorCode::kInternal,
          "operator {} does not declare an argument '{}' of kind '{}'", schema_->type(), name,
          name_of(kind));
  return declared;
}

const Argument* Args::find(std::string_view name) const {
  for (const Argument& arg : def_->arg()) {
    if (arg.name() == name) return &arg;
  }
  return nullptr;
}

const Argument* Args::find_checked(const ArgSpec& spec, ArgKind kind) const {
  const Argument* arg = find(spec.name);
  if (arg == nullptr) {
    require(!spec.required, ErrorCode::kInvalidArgument, "missing argument '{}'", spec.name);
    return nullptr;
  }
  if (std::string problem = field_problem(spec.name, kind, *arg); !problem.empty()) {
    throw Error(ErrorCode::kInvalidArgument, problem);
  }
  return arg;
}

bool Args::has(std::string_view name) const { return find(name) != nullptr; }

ArgKind Args::kind_of(std::string_view name) const {
  const ArgSpec& declared = spec(name);
  const Argument* arg = find_checked(declared, declared.kind);
  if (arg != nullptr) {
    for (ArgKind found : filled_fields(*arg)) {
      if (fits(declared.kind, found)) return found;
    }
  }
  return declared.kind;
}

int64_t Args::integer(std::string_view name) const {
  const ArgSpec& spec = this->spec(name, ArgKind::kInt);
  if (const Argument* arg = find_checked(spec, ArgKind::kInt)) return arg->i();
  const int64_t* value = std::get_if<int64_t>(&spec.default_value);
  require(value != nullptr, ErrorCode::kInvalidArgument, "missing argument '{}'", name);
  return *value;
}

float Args::real(std::string_view name) const {
  const ArgSpec& spec = this->spec(name, ArgKind::kFloat);
  if (const Argument* arg = find_checked(spec, ArgKind::kFloat)) return arg->f();
  const float* value = std::get_if<float>(&spec.default_value);
  require(value != nullptr, ErrorCode::kInvalidArgument, "missing argument '{}'", name);
  return *value;
}

const std::string& Args::text(std::string_view name) const {
  const ArgSpec& spec = this->spec(name, ArgKind::kString);
  if (const Argument* arg = find_checked(spec, ArgKind::kString)) return arg->s();
  const std::string* value = std::get_if<std::string>(&spec.default_value);
  require(value != nullptr, ErrorCode::kInvalidArgument, "missing argument '{}'", name);
  return *value;
}

std::span<const int64_t> Args::integers(std::string_view name) const {
  static_assert(std::is_same_v<std::remove_cvref_t<decltype(*Argument().ints().data())>, int64_t>);
  const Argument* arg = find_checked(spec(name, ArgKind::kInts), ArgKind::kInts);
  if (arg == nullptr) return {};
  return {arg->ints().data(), static_cast<size_t>(arg->ints_size())};
}

std::span<const float> Args::reals(std::string_view name) const {
  const Argument* arg = find_checked(spec(name, ArgKind::kFloats), ArgKind::kFloats);
  if (arg == nullptr) return {};
  return {arg->floats().data(), static_cast<size_t>(arg->floats_size())};
}

std::vector<std::string> Args::texts(std::string_view name) const {
  const Argument* arg = find_checked(spec(name, ArgKind::kStrings), ArgKind::kStrings);
  if (arg == nullptr) return {};
  return {arg->strings().begin(), arg->strings().end()};
}

const NetDef& Args::net(std::string_view name) const {
  const Argument* arg = find_checked(spec(name, ArgKind::kNet), ArgKind::kNet);
  require(arg != nullptr, ErrorCode::kInvalidArgument, "missing argument '{}'", name);
  return arg->n();
}

std::vector<std::string> Args::problems() const {
  std::vector<std::string> problems;
  for (const ArgSpec& spec : schema_->args()) {
    const Argument* arg = find(spec.name);
    if (arg == nullptr) {
      if (spec.required) problems.push_back(fmt::format("missing argument '{}'", spec.name));
    } else if (std::string problem = field_problem(spec.name, spec.kind, *arg); !problem.empty()) {
      problems.push_back(problem);
    }
  }
  return problems;
}

std::vector<std::string> Args::unknown() const {
  std::vector<std::string> names;
  for (const Argument& arg : def_->arg()) {
    bool declared =
        std::ranges::find(schema_->args(), arg.name(), &ArgSpec::name) != schema_->args().end();
    bool ignored = std::ranges::find(schema_->ignored(), arg.name()) != schema_->ignored().end();
    bool prefixed = std::ranges::any_of(schema_->arg_prefixes(), [&](const std::string& prefix) {
      return arg.name().starts_with(prefix);
    });
    if (!declared && !ignored && !prefixed) names.push_back(arg.name());
  }
  return names;
}

}  // namespace headrace
