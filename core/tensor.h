#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/allocator.h"
#include "core/device.h"
#include "core/dtype.h"
#include "core/shape.h"

namespace headrace {

/// Physical order of the elements of a rank-4 (or rank-3, rank-5) tensor whose logical order is
/// N, C, spatial. kChannelsLast stores N, spatial, C. All other tensors are kPlain.
enum class Layout : uint8_t { kPlain, kChannelsLast };

/// What a kernel is prepared for: everything about an operand but its address.
struct TensorDesc {
  DType dtype = DType::kUndefined;
  Shape shape;
  Layout layout = Layout::kPlain;

  bool operator==(const TensorDesc&) const = default;
  size_t bytes() const { return static_cast<size_t>(shape.numel()) * size_of(dtype); }
  /// "float32 2x3x224x224", with " channels-last" where it applies.
  std::string to_string() const;
};

/// What inference knows: the element type (kUndefined when unknown) and the shape, if known.
struct TensorType {
  DType dtype = DType::kUndefined;
  std::optional<Shape> shape;

  bool operator==(const TensorType&) const = default;
  bool complete() const { return dtype != DType::kUndefined && shape.has_value(); }
  std::string to_string() const;
};

/// A typed view of a shared buffer. Copying a Tensor shares the elements; clone() copies them.
/// String tensors hold constructed std::string elements and live on the CPU only.
class Tensor {
 public:
  Tensor() = default;
  /// Uninitialised elements (empty strings for kString).
  Tensor(Shape shape, DType dtype, Device device = {});
  /// A view of existing memory, starting `offset` bytes into the buffer.
  Tensor(std::shared_ptr<Buffer> buffer, size_t offset, TensorDesc desc);

  template <typename T>
  static Tensor from(Shape shape, std::span<const T> values);
  template <typename T>
  static Tensor from(Shape shape, std::initializer_list<T> values) {
    return from<T>(shape, std::span<const T>(values.begin(), values.size()));
  }
  template <typename T>
  static Tensor scalar(T value) {
    return from<T>({}, {value});
  }

  bool defined() const { return buffer_ != nullptr; }
  const Shape& shape() const { return desc_.shape; }
  DType dtype() const { return desc_.dtype; }
  Layout layout() const { return desc_.layout; }
  const TensorDesc& desc() const { return desc_; }
  int64_t numel() const { return desc_.shape.numel(); }
  size_t bytes() const { return desc_.bytes(); }
  Device device() const { return buffer_ ? buffer_->device() : Device{}; }
  const std::shared_ptr<Buffer>& buffer() const { return buffer_; }

  void* raw() { return data_; }
  const void* raw() const { return data_; }
  /// The elements in physical order; throws when T is not the element type.
  template <typename T>
  std::span<T> data() {
    check_type(dtype_of<T>());
    return {static_cast<T*>(data_), static_cast<size_t>(numel())};
  }
  template <typename T>
  std::span<const T> data() const {
    check_type(dtype_of<T>());
    return {static_cast<const T*>(data_), static_cast<size_t>(numel())};
  }
  /// The single element of a tensor of one element.
  template <typename T>
  T item() const {
    check_single();
    return data<T>()[0];
  }

  Tensor clone(Device device) const;
  Tensor clone() const { return clone(device()); }
  /// The same elements in logical order, on the CPU. Shares the buffer when nothing has to move.
  Tensor plain() const;
  /// The same buffer under another shape of equally many elements. Plain layout only.
  Tensor reshaped(Shape shape) const;

 private:
  void check_type(DType wanted) const;
  void check_single() const;
  void check_count(size_t values) const;

  std::shared_ptr<Buffer> buffer_;
  void* data_ = nullptr;
  TensorDesc desc_;
};

/// Copies elements between two descriptions that differ in layout only; any element type.
void reorder(const void* source, const TensorDesc& from, void* target, const TensorDesc& to);

template <typename T>
Tensor Tensor::from(Shape shape, std::span<const T> values) {
  Tensor tensor(shape, dtype_of<T>());
  auto target = tensor.data<T>();
  tensor.check_count(values.size());
  for (size_t i = 0; i < values.size(); ++i) target[i] = values[i];
  return tensor;
}

}  // namespace headrace
