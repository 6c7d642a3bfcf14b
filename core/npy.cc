#include "core/npy.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <vector>

#include <fmt/ranges.h>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/file_bytes.h"
#include "core/npy_header.h"

namespace headrace {
namespace {

static_assert(std::endian::native == std::endian::little, "write_npy() says so in its header");

struct NpyType {
  std::string_view code;  // kind and size, without byte order
  DType dtype;
};

constexpr std::array kTypes = {
    NpyType{"f2", DType::kFloat16}, NpyType{"f4", DType::kFloat32}, NpyType{"f8", DType::kFloat64},
    NpyType{"i1", DType::kInt8},    NpyType{"i2", DType::kInt16},   NpyType{"i4", DType::kInt32},
    NpyType{"i8", DType::kInt64},   NpyType{"u1", DType::kUInt8},   NpyType{"u2", DType::kUInt16},
    NpyType{"b1", DType::kBool},
};

DType dtype_of_descr(std::string_view descr, std::string_view name) {
  const bool ordered = !descr.empty() && std::string_view("<>|=").find(descr[0]) != descr.npos;
  const std::string_view code = ordered ? descr.substr(1) : descr;
  for (const NpyType& type : kTypes) {
    if (type.code == code) return type.dtype;
  }
  require(!code.starts_with('O'), ErrorCode::kUnsupported,
          "'{}' holds Python objects, which are not read; save numbers (array.astype('float32'))",
          name);
  fail(ErrorCode::kUnsupported,
       "'{}' holds elements of NumPy type '{}'; float16/32/64, int8/16/32/64, uint8/16 and bool "
       "can be read",
       name, descr);
}

// The shape, once it is known that exactly `available` bytes of elements belong to it.
Shape checked_shape(const NpyHeader& header, DType dtype, size_t available, std::string_view name) {
  const auto& dims = header.shape;
  require(dims.size() <= Shape::kMaxRank, ErrorCode::kUnsupported,
          "'{}' has {} dimensions, at most {} can be read", name, dims.size(), Shape::kMaxRank);
  int64_t bytes = static_cast<int64_t>(size_of(dtype));
  bool overflow = false;
  for (const int64_t dim : dims) {
    if (dim != 0) overflow |= __builtin_mul_overflow(bytes, dim, &bytes);
  }
  if (std::find(dims.begin(), dims.end(), 0) != dims.end()) bytes = 0;
  require(!overflow && static_cast<uint64_t>(bytes) == available, ErrorCode::kCorrupt,
          "'{}' is {}: {} elements of shape ({}) take {} bytes, it has {}", name,
          overflow || static_cast<uint64_t>(bytes) > available ? "truncated" : "too long",
          name_of(dtype), fmt::join(dims, ", "),
          overflow ? std::string("far too many") : std::to_string(bytes), available);
  return Shape(std::span(dims));
}

// Copies elements in Fortran order (first index fastest) to C order.
void copy_from_fortran(std::string_view elements, char* target, const Shape& shape, size_t size) {
  const char* source = elements.data();
  std::vector<size_t> strides(shape.rank());  // of the source, in bytes
  size_t stride = size;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    strides[axis] = stride;
    stride *= static_cast<size_t>(shape[axis]);
  }
  std::vector<int64_t> index(shape.rank(), 0);
  for (int64_t i = 0; i < shape.numel(); ++i, target += size) {
    std::memcpy(target, source, size);
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      source += strides[axis];
      if (++index[axis] < shape[axis]) break;
      source -= strides[axis] * static_cast<size_t>(shape[axis]);
      index[axis] = 0;
    }
  }
}

void swap_bytes(char* data, int64_t count, size_t size) {
  for (int64_t i = 0; i < count; ++i, data += size) std::reverse(data, data + size);
}

void require_truth_values(const Tensor& tensor, std::string_view name) {
  const auto* bytes = static_cast<const uint8_t*>(tensor.raw());
  for (int64_t i = 0; i < tensor.numel(); ++i) {
    require(bytes[i] <= 1, ErrorCode::kCorrupt,
            "'{}' is damaged: element {} is {}, a bool is 0 or 1", name, i, bytes[i]);
  }
}

}  // namespace

Tensor parse_npy(std::string_view content, std::string_view name) {
  const NpyHeader header = parse_npy_header(content, name);
  const DType dtype = dtype_of_descr(header.descr, name);
  const std::string_view elements = content.substr(header.size);
  Tensor tensor(checked_shape(header, dtype, elements.size(), name), dtype);

  auto* target = static_cast<char*>(tensor.raw());
  const size_t size = size_of(dtype);
  if (header.fortran_order && tensor.shape().rank() > 1) {
    copy_from_fortran(elements, target, tensor.shape(), size);
  } else if (!elements.empty()) {
    std::memcpy(target, elements.data(), elements.size());
  }
  if (header.descr[0] == '>') swap_bytes(target, tensor.numel(), size);
  if (dtype == DType::kBool) require_truth_values(tensor, name);
  return tensor;
}

Tensor read_npy(const std::filesystem::path& path) {
  const FileBytes file(path);
  return parse_npy(file.text(), path.string());
}

void write_npy(const Tensor& tensor, const std::filesystem::path& path) {
  const auto* type = std::find_if(kTypes.begin(), kTypes.end(), [&](const NpyType& candidate) {
    return candidate.dtype == tensor.dtype();
  });
  require(type != kTypes.end(), ErrorCode::kUnsupported,
          "cannot write '{}': NumPy has no type for {} tensors; cast to float32 first",
          path.string(), name_of(tensor.dtype()));
  const Tensor plain = tensor.plain();
  const char order = size_of(type->dtype) == 1 ? '|' : '<';
  const auto dims = plain.shape().dims();
  AtomicFile file(path);
  file.write(format_npy_header(
      {.descr = fmt::format("{}{}", order, type->code), .shape = {dims.begin(), dims.end()}}));
  file.write({static_cast<const std::byte*>(plain.raw()), plain.bytes()});
  file.commit();
}

}  // namespace headrace
