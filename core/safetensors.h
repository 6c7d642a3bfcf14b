#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "core/tensor.h"

namespace headrace {

/// Named tensors and named texts in one file.
struct TensorFile {
  std::map<std::string, std::string> texts;
  std::map<std::string, Tensor> tensors;
};

/// Writes a file in the safetensors format, which Python and others read: the length of a header, a
/// JSON header, the elements. A checksum over everything stands in the header. Atomic: the name
/// holds the old file or the whole new one. Throws kIo, or kUnsupported for string tensors.
void save_tensors(const TensorFile& file, const std::filesystem::path& path);

/// Files of others carry no checksum.
enum class Checksum { kRequired, kIfThere };

/// Reads such a file. Throws kNotFound or kIo if it cannot be read, kCorrupt if it is truncated, of
/// another format, or differs in any bit from what the checksum was made of.
TensorFile load_tensors(const std::filesystem::path& path, Checksum checksum = Checksum::kRequired);

/// The same for content that is already in memory; `name` stands for the file in errors.
TensorFile parse_tensors(std::string_view content, std::string_view name, Checksum checksum);

}  // namespace headrace
