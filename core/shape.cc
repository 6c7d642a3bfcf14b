#include "core/shape.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include <fmt/ranges.h>

#include "core/error.h"

namespace headrace {

Shape::Shape(std::initializer_list<int64_t> dims) { assign({dims.begin(), dims.size()}); }

Shape::Shape(std::span<const int64_t> dims) { assign(dims); }

void Shape::assign(std::span<const int64_t> dims) {
  require(dims.size() <= kMaxRank, ErrorCode::kShapeMismatch,
          "a tensor has at most {} dimensions, found {}", int{kMaxRank}, dims.size());
  rank_ = static_cast<int>(dims.size());
  std::copy(dims.begin(), dims.end(), dims_.begin());
  numel_ = 1;
  bool empty = false;
  for (int64_t dim : dims) {
    require(dim >= 0, ErrorCode::kShapeMismatch, "dimensions must not be negative, found {}",
            fmt::join(dims, "x"));
    empty |= dim == 0;
    require(!__builtin_mul_overflow(numel_, std::max<int64_t>(dim, 1), &numel_),
            ErrorCode::kShapeMismatch, "the number of elements of {} overflows 64 bits",
            fmt::join(dims, "x"));
  }
  if (empty) numel_ = 0;
}

int Shape::axis(int64_t axis) const {
  require(axis >= -rank_ && axis < rank_, ErrorCode::kInvalidArgument, "{} has no axis {}",
          to_string(), axis);
  return static_cast<int>(axis < 0 ? axis + rank_ : axis);
}

int64_t Shape::dim(int64_t axis) const { return dims_[this->axis(axis)]; }

int64_t Shape::product(int begin, int end) const {
  int64_t product = 1;
  for (int i = begin; i < end; ++i) product *= dims_[i];
  return product;
}

bool Shape::operator==(const Shape& other) const {
  return std::ranges::equal(dims(), other.dims());
}

std::string Shape::to_string() const {
  return rank_ == 0 ? "()" : fmt::format("{}", fmt::join(dims(), "x"));
}

Shape Shape::parse(std::string_view text) {
  if (text == "()") return {};
  std::vector<int64_t> dims;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (;;) {
    int64_t dim = 0;
    auto [next, error] = std::from_chars(at, end, dim);
    bool more = next != end && *next == 'x';
    require(error == std::errc() && dim >= 0 && (next == end || more), ErrorCode::kInvalidArgument,
            "'{}' is no shape; a shape reads like 32x3x224x224, that of a scalar ()", text);
    dims.push_back(dim);
    if (!more) return Shape(dims);
    at = next + 1;
  }
}

}  // namespace headrace
