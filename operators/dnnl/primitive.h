#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>

namespace headrace {

/// A oneDNN primitive that is ready to run. Immutable, copies share it, and it may run in several
/// threads at once: scratch and operands come with the call. It was made for a width and enters the
/// thread pool at that width whenever it runs.
///
/// An empty Primitive stands for "nothing to do"; it may be asked for its scratch, not run.
class Primitive {
 public:
  struct Impl;  // describe.h
  /// `id` is the DNNL_ARG_... constant of the operand, `data` its first element.
  struct Argument {
    int id;
    const void* data;
  };

  Primitive() = default;
  explicit Primitive(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

  explicit operator bool() const { return impl_ != nullptr; }
  size_t scratch_bytes() const;
  /// Every operand that the primitive was made with must be among the arguments.
  void run(std::initializer_list<Argument> arguments, void* scratch) const;

 private:
  std::shared_ptr<const Impl> impl_;
};

}  // namespace headrace
