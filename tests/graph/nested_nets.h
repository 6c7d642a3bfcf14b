#pragma once

// Nets with If and While, as text.

#include <string>

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "core/proto/net.pb.h"

namespace headrace {

inline NetDef parse(const std::string& text) {
  NetDef net;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &net)) << text;
  return net;
}

inline std::string fill(const std::string& name, float value) {
  return "op { type: 'ConstantFill' output: '" + name +
         "' arg { name: 'shape' ints: 1 } arg { name: 'value' f: " + std::to_string(value) +
         " } }\n";
}

inline std::string scale(const std::string& in, const std::string& out, float factor) {
  return "op { type: 'Scale' input: '" + in + "' output: '" + out +
         "' arg { name: 'scale' f: " + std::to_string(factor) + " } }\n";
}

inline std::string binary(const std::string& type, const std::string& a, const std::string& b,
                          const std::string& out) {
  return "op { type: '" + type + "' input: '" + a + "' input: '" + b + "' output: '" + out +
         "' }\n";
}

/// true where `in` is not zero
inline std::string truth(const std::string& in, const std::string& out) {
  return "op { type: 'Cast' input: '" + in + "' output: '" + out + "' arg { name: 'to' i: 5 } }\n";
}

inline std::string nested(const std::string& arg, const std::string& ops) {
  return "arg { name: '" + arg + "' n { name: '" + arg + "_of_test' " + ops + "} } ";
}

inline std::string control(const std::string& type, const std::string& condition,
                           const std::string& nets) {
  return "op { type: '" + type + "' input: '" + condition + "' " + nets + "}\n";
}

}  // namespace headrace
