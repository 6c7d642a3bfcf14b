#pragma once

#include <filesystem>
#include <string_view>

#include "graph/passes.h"

namespace headrace::tools {

/// Reads a file of shapes: {"conv1_w": [64, 3, 7, 7], "label": "int32 32"}, a list being float32.
/// Where the values are objects of such a kind, the one of the net's name counts:
/// {"resnet50": {"conv1_w": [64, 3, 7, 7]}, ...}. Throws kNotFound, kIo or kCorrupt.
graph::InputTypes read_shapes(const std::filesystem::path& path, std::string_view net);

}  // namespace headrace::tools
