#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "core/args.h"

/// What Save and Load share: files of named tensors as Caffe2 writes them. A record is a BlobProto
/// under the key NAME#%K, where K counts the chunks of a tensor from 0.
namespace headrace {

inline constexpr std::string_view kChunkSeparator = "#%";
inline constexpr std::string_view kTensorType = "Tensor";
/// Elements per chunk where nothing else is asked for, as in Caffe2.
inline constexpr int64_t kChunkSize = 1'000'000;

/// Throws kUnsupported for databases other than minidb.
void check_db_type(const Args& args);

/// A file that an argument names. With absolute_path it must be absolute.
std::filesystem::path db_path(const Args& args, const std::string& given);

/// `name` without the prefix, if it has it.
std::string_view without_prefix(std::string_view name, std::string_view prefix);

}  // namespace headrace
