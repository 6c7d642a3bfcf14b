#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace headrace {

template <typename Signature>
class function_ref;

/// A view of a callable: two words, never allocates, never owns. For parameters that are called
/// before the function they are passed to returns; it must not outlive the callable.
template <typename R, typename... Args>
class function_ref<R(Args...)> {
 public:
  // Implicit, so that a lambda can be passed as it is. NOLINTNEXTLINE(google-explicit-constructor)
  template <typename F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, function_ref> &&
           std::is_invocable_r_v<R, F&, Args...>) function_ref(F&& callable)
      : object_(address_of(callable)), call_([](void* object, Args... args) -> R {
          return (*reinterpret_cast<std::add_pointer_t<std::remove_reference_t<F>>>(object))(
              std::forward<Args>(args)...);
        }) {}

  R operator()(Args... args) const { return call_(object_, std::forward<Args>(args)...); }

 private:
  /// POSIX lets the address of a function go through void* too.
  template <typename F>
  static void* address_of(F& callable) {
    if constexpr (std::is_function_v<F>) {
      return reinterpret_cast<void*>(&callable);
    } else {
      return const_cast<void*>(static_cast<const void*>(std::addressof(callable)));
    }
  }

  void* object_;
  R (*call_)(void*, Args...);
};

}  // namespace headrace
