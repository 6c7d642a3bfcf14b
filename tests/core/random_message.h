#pragma once

#include <cstdint>
#include <random>
#include <set>
#include <string>

namespace google::protobuf {
class FieldDescriptor;
class Message;
}  // namespace google::protobuf

namespace headrace::testing {

/// Fills messages with random content: any value a field can have, except that strings are text
/// (UTF-8, quotes and backslashes included), that NaN has no payload (the text form cannot express
/// it) and that operators have a type, so that the result is one that a file may hold.
class MessageFiller {
 public:
  explicit MessageFiller(uint64_t seed) : random_(seed) {}

  /// Sets each field with a probability that falls with the depth; required ones always.
  void fill(google::protobuf::Message& message) { fill(message, 0); }

  /// Full names of all fields set so far.
  const std::set<std::string>& fields_set() const { return fields_set_; }

 private:
  void fill(google::protobuf::Message& message, int depth);
  void set(google::protobuf::Message& message, const google::protobuf::FieldDescriptor& field,
           int depth);
  bool chance(double probability);
  int64_t integer();
  double real();
  std::string text();
  std::string bytes();

  std::mt19937_64 random_;
  std::set<std::string> fields_set_;
};

}  // namespace headrace::testing
