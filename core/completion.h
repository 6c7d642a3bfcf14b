#pragma once

#include <exception>

namespace headrace {

/// Reports the end of one asynchronous node to whoever waits for it. Call it exactly once, from any
/// thread; null means success. A small value without ownership: the receiver outlives the node.
struct Completion {
  void (*notify)(void* receiver, int node, std::exception_ptr error) = nullptr;
  void* receiver = nullptr;
  int node = -1;

  void operator()(std::exception_ptr error = nullptr) const {
    notify(receiver, node, std::move(error));
  }
};

}  // namespace headrace
