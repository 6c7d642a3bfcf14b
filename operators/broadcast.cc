#include "operators/broadcast.h"

#include <algorithm>
#include <vector>

#include "core/error.h"

namespace headrace {
namespace {

int legacy_axis(const Args& args, const Shape& a, const Shape& b) {
  auto axis = args.integer("axis");
  const std::string& axis_name = args.text("axis_str");
  if (!axis_name.empty()) {
    require(axis == -1, ErrorCode::kInvalidArgument,
            "give either 'axis' or 'axis_str', not both; found {} and '{}'", axis, axis_name);
    const std::string& order = args.text("order");
    size_t found = axis_name.size() == 1 ? order.find(axis_name) : std::string::npos;
    require(found != std::string::npos, ErrorCode::kInvalidArgument,
            "axis_str '{}' is not one letter of the order '{}'", axis_name, order);
    axis = static_cast<int64_t>(found);
  } else if (axis == -1) {
    axis = a.rank() - b.rank();
  }
  require(axis >= 0 && axis <= a.rank() - b.rank(), ErrorCode::kShapeMismatch,
          "with broadcast: 1 the shape of B, {}, must lie on consecutive axes of A, {}; from axis "
          "{} it does not",
          b.to_string(), a.to_string(), axis);
  return static_cast<int>(axis);
}

/// Axes from the outermost to the innermost in memory.
std::vector<int> memory_order(const TensorDesc& desc) {
  std::vector<int> axes;
  bool channels_last = desc.layout == Layout::kChannelsLast;
  for (int axis = 0; axis < desc.shape.rank(); ++axis) {
    if (!channels_last || axis != 1) axes.push_back(axis);
  }
  if (channels_last) axes.push_back(1);
  return axes;
}

}  // namespace

Strides strides_of(const TensorDesc& desc) {
  const Shape& shape = desc.shape;
  Strides strides{};
  int64_t stride = 1;
  auto place = [&](int axis) {
    strides[axis] = stride;
    stride *= shape[axis];
  };
  bool channels_last = desc.layout == Layout::kChannelsLast;
  if (channels_last) place(1);
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    if (!channels_last || axis != 1) place(axis);
  }
  return strides;
}

OpSchema& declare_broadcast(OpSchema& schema) {
  return schema
      .arg("broadcast", 0,
           "0: NumPy's rules; 1: B lies on consecutive axes of A, the last ones unless `axis` says "
           "where they begin")
      .arg("axis", -1, "with broadcast: 1, the axis of A that axis 0 of B lies on")
      .arg("axis_str", "", "with broadcast: 1, that axis as a letter of `order`")
      .arg("order", "NCHW", "names of A's axes, for axis_str");
}

Broadcast legacy_broadcast(const Args& args, const Shape& a, const Shape& b) {
  int axis = legacy_axis(args, a, b);
  int first = 0;
  int last = b.rank() - 1;
  while (first <= last && b[first] == 1) ++first;
  while (last >= first && b[last] == 1) --last;
  for (int i = first; i <= last; ++i) {
    require(
        a[axis + i] == b[i], ErrorCode::kShapeMismatch,
        "with broadcast: 1 the sizes of B, {}, must be those of A, {}, from axis {} on; without "
        "that argument NumPy's rules hold",
        b.to_string(), a.to_string(), axis);
  }
  return {.output = a, .a_axis = 0, .b_axis = axis};
}

Broadcast numpy_broadcast(const Shape& a, const Shape& b) {
  int rank = std::max(a.rank(), b.rank());
  Broadcast result{.a_axis = rank - a.rank(), .b_axis = rank - b.rank()};
  std::vector<int64_t> dims(rank);
  for (int d = 0; d < rank; ++d) {
    int64_t x = d < result.a_axis ? 1 : a[d - result.a_axis];
    int64_t y = d < result.b_axis ? 1 : b[d - result.b_axis];
    require(x == y || x == 1 || y == 1, ErrorCode::kShapeMismatch,
            "shapes {} and {} cannot be broadcast: sizes {} and {} meet", a.to_string(),
            b.to_string(), x, y);
    dims[d] = x == 1 ? y : x;
  }
  result.output = Shape(dims);
  return result;
}

Broadcast broadcast_of(const Args& args, const Shape& a, const Shape& b) {
  return args.flag("broadcast") ? legacy_broadcast(args, a, b) : numpy_broadcast(a, b);
}

StridedLoop::StridedLoop(const TensorDesc& walked, std::initializer_list<Placed> operands) {
  std::array<Strides, kMaxOperands> strides{};
  int k = 0;
  for (const Placed& operand : operands) {
    Strides own = strides_of(*operand.desc);
    for (int axis = 0; axis < walked.shape.rank(); ++axis) {
      int mine = axis - operand.axis;
      bool steps = mine >= 0 && mine < operand.desc->shape.rank() && operand.desc->shape[mine] != 1;
      strides[k][axis] = steps ? own[mine] : 0;
    }
    ++k;
  }
  *this = StridedLoop(walked, std::span<const Strides>(strides.data(), operands.size()));
}

StridedLoop::StridedLoop(const TensorDesc& walked, std::span<const Strides> strides)
    : operands_(static_cast<int>(strides.size())), numel_(walked.shape.numel()) {
  for (int axis : memory_order(walked)) {
    int64_t size = walked.shape[axis];
    if (size == 1) continue;
    std::array<int64_t, kMaxOperands> stride{};
    bool merges = rank_ > 0;
    for (int k = 0; k < operands_; ++k) {
      stride[k] = strides[k][axis];
      merges = merges && strides_[k][rank_ - 1] == stride[k] * size;
    }
    if (!merges) sizes_[rank_++] = 1;
    sizes_[rank_ - 1] *= size;
    for (int k = 0; k < operands_; ++k) strides_[k][rank_ - 1] = stride[k];
  }
  if (rank_ == 0) {
    // A single element: an axis of one step for the innermost loop.
    sizes_[0] = 1;
    for (int k = 0; k < operands_; ++k) strides_[k][0] = 1;
    rank_ = 1;
  }
}

bool StridedLoop::covers(int k) const {
  for (int d = 0; d < rank_; ++d) {
    if (strides_[k][d] == 0) return false;
  }
  return true;
}

void StridedLoop::locate(int64_t at, std::array<int64_t, Shape::kMaxRank>& index,
                         Offsets& offsets) const {
  for (int d = rank_ - 1; d >= 0; --d) {
    index[d] = at % sizes_[d];
    at /= sizes_[d];
    for (int k = 0; k < operands_; ++k) offsets[k] += index[d] * strides_[k][d];
  }
}

void StridedLoop::advance(int64_t length, std::array<int64_t, Shape::kMaxRank>& index,
                          Offsets& offsets) const {
  int d = rank_ - 1;
  index[d] += length;
  for (int k = 0; k < operands_; ++k) offsets[k] += length * strides_[k][d];
  while (d > 0 && index[d] == sizes_[d]) {
    for (int k = 0; k < operands_; ++k) {
      offsets[k] += strides_[k][d - 1] - sizes_[d] * strides_[k][d];
    }
    index[d] = 0;
    ++index[--d];
  }
}

int StridedLoop::divided_axis(int k) const {
  for (int d = 0; d < rank_; ++d) {
    if (strides_[k][d] != 0) return d;
  }
  return -1;
}

int64_t StridedLoop::divisible(int k) const {
  int axis = divided_axis(k);
  return axis < 0 ? 1 : sizes_[axis];
}

}  // namespace headrace
