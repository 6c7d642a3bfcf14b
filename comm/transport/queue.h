#pragma once

#include <string>

#include "comm/transport/transport.h"

namespace headrace::comm {

/// Messages in the order of their posts, linked through Message::next.
class MessageQueue {
 public:
  bool empty() const { return first_ == nullptr; }
  Message& front() const { return *first_; }

  void push(Message& message) {
    message.next = nullptr;
    (last_ == nullptr ? first_ : last_->next) = &message;
    last_ = &message;
  }

  Message& pop() {
    Message& message = *first_;
    first_ = message.next;
    if (first_ == nullptr) last_ = nullptr;
    return message;
  }

  void clear() { first_ = last_ = nullptr; }

 private:
  Message* first_ = nullptr;
  Message* last_ = nullptr;
};

/// What a message says of itself.
struct Found {
  uint32_t op = 0;
  uint32_t index = 0;
  uint64_t signature = 0;
  uint64_t bytes = 0;
};

/// In which way what came is not the message expected; empty if it is.
std::string difference(const Message& expected, const Found& found);

}  // namespace headrace::comm
