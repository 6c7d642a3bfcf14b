#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <typeinfo>
#include <variant>

#include "core/error.h"
#include "core/tensor.h"

namespace headrace {

/// The content of a slot: nothing, a tensor, or an opaque handle (mutex, reader, common world).
/// Not thread-safe.
class Blob {
 public:
  Blob() = default;
  Blob(Tensor tensor) : content_(std::move(tensor)) {}

  bool empty() const { return std::holds_alternative<std::monostate>(content_); }
  bool is_tensor() const { return std::holds_alternative<Tensor>(content_); }

  /// Throws kTypeMismatch unless the blob holds a tensor.
  Tensor& tensor();
  const Tensor& tensor() const;

  /// Puts a handle here. `type_name` is what messages call it.
  template <typename T>
  void set_handle(std::shared_ptr<T> handle, std::string_view type_name) {
    content_ = Handle{std::move(handle), &typeid(T), std::string(type_name)};
  }
  /// Throws kTypeMismatch unless the blob holds a handle of type T.
  template <typename T>
  std::shared_ptr<T> handle(std::string_view type_name) const {
    const Handle* handle = std::get_if<Handle>(&content_);
    if (handle == nullptr || *handle->type != typeid(T)) wrong_content(type_name);
    return std::static_pointer_cast<T>(handle->object);
  }

  void reset() { content_ = std::monostate{}; }
  /// "float32 2x3", "a mutex", "empty".
  std::string to_string() const;

 private:
  struct Handle {
    std::shared_ptr<void> object;
    const std::type_info* type;
    std::string type_name;
  };
  [[noreturn]] void wrong_content(std::string_view expected) const;

  std::variant<std::monostate, Tensor, Handle> content_;
};

}  // namespace headrace
