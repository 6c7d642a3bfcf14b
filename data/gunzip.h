#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace headrace {

/// True when the bytes begin as a gzip file does.
bool is_gzip(std::span<const std::byte> bytes);

/// The content of a gzip file (of all its members). `name` stands for the file in errors: kCorrupt
/// if it is truncated, altered (its checksum is verified) or followed by something else, or if it
/// unpacks to more than `limit` bytes.
std::vector<uint8_t> gunzip(std::span<const std::byte> bytes, std::string_view name,
                            uint64_t limit);

}  // namespace headrace
