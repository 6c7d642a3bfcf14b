#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "core/shape.h"

namespace headrace {

/// An array of bytes in the format of the MNIST files: two zero bytes, a type, a rank, the
/// dimensions as big-endian 32-bit numbers, the elements.
struct IdxArray {
  Shape shape;
  std::vector<uint8_t> elements;
};

/// Reads an IDX file of `rank` dimensions with unsigned bytes, plain or packed with gzip. Throws
/// kNotFound or kIo if it cannot be read, kCorrupt if it is of another format or rank, or has not
/// exactly the bytes that its dimensions ask for.
IdxArray read_idx(const std::filesystem::path& path, int rank);

/// The same for content that is in memory and unpacked; `name` stands for the file in errors.
IdxArray parse_idx(std::vector<uint8_t> content, int rank, std::string_view name);

}  // namespace headrace
