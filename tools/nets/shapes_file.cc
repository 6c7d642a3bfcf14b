#include "tools/nets/shapes_file.h"

#include <vector>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/file_bytes.h"
#include "core/json_numbers.h"
#include "core/text.h"

namespace headrace::tools {
namespace {

using Json = nlohmann::json;

TensorDesc parse_desc(const Json& value) {
  if (value.is_array()) {
    return {.dtype = DType::kFloat32, .shape = Shape(whole_numbers(value))};
  }
  const auto text = value.get<std::string>();
  const size_t space = text.find(' ');
  require(space != text.npos, ErrorCode::kCorrupt, "expected a type and a shape");
  return {.dtype = parse_dtype(text.substr(0, space)),
          .shape = Shape::parse(text.substr(space + 1))};
}

/// The object with the shapes of this net.
const Json& select(const Json& file, std::string_view net, const std::filesystem::path& path) {
  require(file.is_object(), ErrorCode::kCorrupt, "'{}' is no JSON object of shapes", path.native());
  const bool by_net = !file.empty() && file.begin()->is_object();
  if (!by_net) return file;
  std::vector<std::string> names;
  for (const auto& [name, shapes] : file.items()) names.push_back(name);
  const auto found = file.find(net);
  require(found != file.end() && found->is_object(), ErrorCode::kNotFound,
          "'{}' has no shapes for a net called '{}'{}", path.native(), net,
          did_you_mean(net, names));
  return *found;
}

}  // namespace

graph::InputTypes read_shapes(const std::filesystem::path& path, std::string_view net) {
  const FileBytes bytes(path);
  Json file;
  try {
    file = Json::parse(bytes.text());
  } catch (const Json::exception& error) {
    throw Error(ErrorCode::kCorrupt, fmt::format("'{}' is no JSON file", path.native()))
        .caused_by(error.what());
  }
  graph::InputTypes types;
  for (const auto& [name, value] : select(file, net, path).items()) {
    try {
      types.emplace(name, parse_desc(value));
    } catch (const std::exception& error) {
      throw Error(ErrorCode::kCorrupt,
                  fmt::format("'{}' gives {} as the shape of '{}'; expected a list of dimensions, "
                              "such as [64, 3, 7, 7], or a text such as \"int32 32\"",
                              path.native(), value.dump(), name))
          .caused_by(error.what());
    }
  }
  return types;
}

}  // namespace headrace::tools
