#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace headrace {

/// What stands before the elements of a .npy file: magic, version and a Python dictionary literal.
struct NpyHeader {
  std::string descr;  // element type in NumPy's notation, as "<f4"
  bool fortran_order = false;
  std::vector<int64_t> shape;
  size_t size = 0;  // of the header in bytes: where the elements begin
};

/// Throws kCorrupt if `content` does not begin with a header, kUnsupported if its element type is a
/// record. Numbers in it are only known to be >= 0.
NpyHeader parse_npy_header(std::string_view content, std::string_view name);

/// The header as version 1, padded so that the elements begin at a multiple of 64 bytes.
std::string format_npy_header(const NpyHeader& header);

}  // namespace headrace
