#pragma once

#include <google/protobuf/repeated_field.h>

#include "core/proto/net.pb.h"

namespace headrace {

/// The list of floats that a message may hold millions of; null in a message without such a list.
struct WeightList {
  google::protobuf::RepeatedField<float>* floats = nullptr;
  int field = 0;
};

inline WeightList weights_of(google::protobuf::Message& message) {
  if (auto* arg = dynamic_cast<Argument*>(&message)) {
    return {arg->mutable_floats(), Argument::kFloatsFieldNumber};
  }
  if (auto* tensor = dynamic_cast<TensorProto*>(&message)) {
    return {tensor->mutable_float_data(), TensorProto::kFloatDataFieldNumber};
  }
  return {};
}

}  // namespace headrace
