#include "core/tensor.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"

namespace headrace {
namespace {

/// Owns constructed strings; the generic allocator knows raw bytes only.
class StringBuffer : public Buffer {
 public:
  explicit StringBuffer(size_t count)
      : Buffer(nullptr, count * sizeof(std::string), Device{}), strings_(new std::string[count]) {
    data_ = strings_.get();
  }

 private:
  std::unique_ptr<std::string[]> strings_;
};

template <typename T>
void permute_channels(const T* source, T* target, int64_t batch, int64_t rows, int64_t columns) {
  // A batch of transposes, blocked so that both sides stay within the cache.
  constexpr int64_t kBlock = 32;
  for (int64_t n = 0; n < batch; ++n, source += rows * columns, target += rows * columns) {
    for (int64_t r0 = 0; r0 < rows; r0 += kBlock) {
      for (int64_t c0 = 0; c0 < columns; c0 += kBlock) {
        for (int64_t r = r0; r < std::min(r0 + kBlock, rows); ++r) {
          for (int64_t c = c0; c < std::min(c0 + kBlock, columns); ++c) {
            target[c * rows + r] = source[r * columns + c];
          }
        }
      }
    }
  }
}

void permute_channels(size_t element, const void* source, void* target, int64_t batch, int64_t rows,
                      int64_t columns) {
  switch (element) {
    case 1:
      return permute_channels(static_cast<const uint8_t*>(source), static_cast<uint8_t*>(target),
                              batch, rows, columns);
    case 2:
      return permute_channels(static_cast<const uint16_t*>(source), static_cast<uint16_t*>(target),
                              batch, rows, columns);
    case 4:
      return permute_channels(static_cast<const uint32_t*>(source), static_cast<uint32_t*>(target),
                              batch, rows, columns);
    case 8:
      return permute_channels(static_cast<const uint64_t*>(source), static_cast<uint64_t*>(target),
                              batch, rows, columns);
    default:
      fail(ErrorCode::kInternal, "no reorder for elements of {} bytes", element);
  }
}

}  // namespace

std::string TensorDesc::to_string() const {
  std::string text = std::string(name_of(dtype)) + " " + shape.to_string();
  return layout == Layout::kChannelsLast ? text + " channels-last" : text;
}

std::string TensorType::to_string() const {
  return std::string(name_of(dtype)) + " " + (shape ? shape->to_string() : "of unknown shape");
}

Tensor::Tensor(Shape shape, DType dtype, Device device) : desc_{dtype, shape, Layout::kPlain} {
  require(dtype != DType::kUndefined, ErrorCode::kTypeMismatch,
          "a tensor needs an element type; shape {}", shape.to_string());
  if (dtype == DType::kString) {
    require(device.is_cpu(), ErrorCode::kUnsupported, "string tensors live on the CPU only");
    buffer_ = std::make_shared<StringBuffer>(shape.numel());
  } else {
    size_t bytes = 0;
    require(!__builtin_mul_overflow(static_cast<size_t>(shape.numel()), size_of(dtype), &bytes),
            ErrorCode::kShapeMismatch, "the size of {} in bytes overflows", shape.to_string());
    buffer_ = allocate(bytes, device);
  }
  data_ = buffer_->data();
}

Tensor::Tensor(std::shared_ptr<Buffer> buffer, size_t offset, TensorDesc desc)
    : buffer_(std::move(buffer)), desc_(desc) {
  require(offset + desc.bytes() <= buffer_->bytes(), ErrorCode::kInternal,
          "a view of {} bytes at offset {} does not fit into a buffer of {} bytes", desc.bytes(),
          offset, buffer_->bytes());
  data_ = static_cast<char*>(buffer_->data()) + offset;
}

Tensor Tensor::clone(Device device) const {
  if (!defined()) return {};
  Tensor copy(shape(), dtype(), device);
  copy.desc_.layout = layout();
  if (dtype() == DType::kString) {
    auto from = data<std::string>();
    std::copy(from.begin(), from.end(), copy.data<std::string>().begin());
  } else {
    copy_bytes(copy.raw(), device, raw(), this->device(), bytes());
  }
  return copy;
}

Tensor Tensor::plain() const {
  if (!defined()) return {};
  if (!device().is_cpu()) return clone(Device{}).plain();
  if (layout() == Layout::kPlain) return *this;
  Tensor result(shape(), dtype());
  reorder(raw(), desc(), result.raw(), result.desc());
  return result;
}

Tensor Tensor::reshaped(Shape shape) const {
  require(shape.numel() == numel(), ErrorCode::kShapeMismatch,
          "cannot view {} as {}: the number of elements differs", desc_.to_string(),
          shape.to_string());
  require(layout() == Layout::kPlain, ErrorCode::kInternal, "reshape of a channels-last tensor");
  Tensor result = *this;
  result.desc_.shape = shape;
  return result;
}

void Tensor::check_type(DType wanted) const {
  require(device().is_cpu(), ErrorCode::kState,
          "the elements of {} are on {}: copy them with plain() or clone(Device{{}}) to read them",
          desc_.to_string(), device().to_string());
  require(desc_.dtype == wanted, ErrorCode::kTypeMismatch, "expected a {} tensor, found {}",
          name_of(wanted), desc_.to_string());
}

void Tensor::check_single() const { check_count(1); }

void Tensor::check_count(size_t values) const {
  require(static_cast<size_t>(numel()) == values, ErrorCode::kShapeMismatch,
          "expected {} elements, found {}", values, desc_.to_string());
}

void reorder(const void* source, const TensorDesc& from, void* target, const TensorDesc& to) {
  require(from.dtype == to.dtype && from.shape == to.shape, ErrorCode::kInternal,
          "reorder changes layouts only: {} to {}", from.to_string(), to.to_string());
  if (from.layout == to.layout) {
    std::memcpy(target, source, from.bytes());
    return;
  }
  const Shape& shape = from.shape;
  require(shape.rank() >= 3, ErrorCode::kInternal, "{} has no channels-last order",
          from.to_string());
  int64_t channels = shape[1];
  int64_t pixels = shape.product(2, shape.rank());
  bool to_last = to.layout == Layout::kChannelsLast;
  permute_channels(size_of(from.dtype), source, target, shape[0], to_last ? channels : pixels,
                   to_last ? pixels : channels);
}

}  // namespace headrace
