#include "data/idx.h"

#include <algorithm>
#include <array>

#include "core/error.h"
#include "core/file_bytes.h"
#include "data/gunzip.h"

namespace headrace {
namespace {

constexpr uint8_t kUnsignedByte = 0x08;
/// More than any data set of this format has; stops a gzip bomb before it fills the memory.
constexpr uint64_t kMaxBytes = uint64_t{1} << 32;

uint32_t big_endian(const uint8_t* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

}  // namespace

IdxArray parse_idx(std::vector<uint8_t> content, int rank, std::string_view name) {
  const size_t header = 4 + 4 * static_cast<size_t>(rank);
  const std::array<uint8_t, 4> magic = {0, 0, kUnsignedByte, static_cast<uint8_t>(rank)};
  const auto known = static_cast<std::ptrdiff_t>(std::min(magic.size(), content.size()));
  const bool begins_right = std::equal(content.begin(), content.begin() + known, magic.begin());
  require(begins_right, ErrorCode::kCorrupt,
          "'{}' is no IDX file of {} dimensions of unsigned bytes: it does not begin with "
          "00 00 08 {:02x}",
          name, rank, rank);
  require(content.size() >= header, ErrorCode::kCorrupt,
          "'{}' is truncated: {} bytes, its header alone takes {}", name, content.size(), header);

  std::vector<int64_t> dims;
  unsigned __int128 expected = 1;
  for (int axis = 0; axis < rank; ++axis) {
    dims.push_back(big_endian(content.data() + 4 + 4 * static_cast<size_t>(axis)));
    expected *= static_cast<uint64_t>(dims.back());
    require(expected <= kMaxBytes, ErrorCode::kCorrupt,
            "'{}' has damaged dimensions: more than {} elements", name, kMaxBytes);
  }
  IdxArray array{Shape(dims), {}};
  const size_t found = content.size() - header;
  require(found == static_cast<uint64_t>(expected), ErrorCode::kCorrupt,
          "'{}' is {}: {} elements, its dimensions {} ask for {}", name,
          found < static_cast<uint64_t>(expected) ? "truncated" : "too long", found,
          array.shape.to_string(), static_cast<uint64_t>(expected));
  content.erase(content.begin(), content.begin() + static_cast<std::ptrdiff_t>(header));
  array.elements = std::move(content);
  return array;
}

IdxArray read_idx(const std::filesystem::path& path, int rank) {
  const FileBytes file(path, kMaxBytes);
  const auto bytes = file.bytes();
  if (is_gzip(bytes))
    return parse_idx(gunzip(bytes, path.native(), kMaxBytes), rank, path.native());
  const auto* first = reinterpret_cast<const uint8_t*>(bytes.data());
  return parse_idx({first, first + bytes.size()}, rank, path.native());
}

}  // namespace headrace
