#include "tests/core/random_message.h"

#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <string_view>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

namespace headrace::testing {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

bool MessageFiller::chance(double probability) {
  return std::uniform_real_distribution<>(0, 1)(random_) < probability;
}

// Small numbers, numbers of every length, and the extremes.
int64_t MessageFiller::integer() {
  const auto bits = static_cast<int64_t>(random_());
  return bits >> (random_() % 64);
}

double MessageFiller::real() {
  switch (random_() % 8) {
    case 0:
      return 0.0;
    case 1:
      return -0.0;
    case 2:
      return std::numeric_limits<double>::infinity();
    case 3:
      return std::numeric_limits<double>::quiet_NaN();
    case 4:
      return static_cast<double>(integer());
    default: {
      const auto value = std::bit_cast<double>(random_());
      return std::isnan(value) ? 0.1 : value;
    }
  }
}

std::string MessageFiller::text() {
  constexpr std::array<std::string_view, 12> kPieces = {
      "data", "_w", "gpu_0/", " ", "\"", "\\", "'", "#", "é", "漢", "cuda_gpu_id: 1", "{"};
  std::string text;
  for (size_t n = random_() % 5; n > 0; --n) text += kPieces[random_() % kPieces.size()];
  return text;
}

std::string MessageFiller::bytes() {
  std::string bytes(random_() % 20, '\0');
  for (char& c : bytes) c = static_cast<char>(random_());
  return bytes;
}

void MessageFiller::fill(Message& message, int depth) {
  const auto* type = message.GetDescriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor& field = *type->field(i);
    const bool nested = field.message_type() != nullptr;
    const double density = nested ? 0.7 / (1 + depth) : 0.7;
    const bool needed = field.is_required() || field.full_name() == "headrace.OperatorDef.type";
    if (!needed && !chance(density)) continue;
    fields_set_.insert(field.full_name());
    const size_t count = !field.is_repeated() ? 1 : nested ? 1 + random_() % 3 : 1 + random_() % 6;
    for (size_t k = 0; k < count; ++k) set(message, field, depth);
  }
}

void MessageFiller::set(Message& message, const FieldDescriptor& field, int depth) {
  const auto* reflection = message.GetReflection();
  const auto put = [&](auto add, auto assign, auto value) {
    field.is_repeated() ? (reflection->*add)(&message, &field, value)
                        : (reflection->*assign)(&message, &field, value);
  };
  using R = google::protobuf::Reflection;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return put(&R::AddInt32, &R::SetInt32, static_cast<int32_t>(integer()));
    case FieldDescriptor::CPPTYPE_INT64:
      return put(&R::AddInt64, &R::SetInt64, integer());
    case FieldDescriptor::CPPTYPE_UINT32:
      return put(&R::AddUInt32, &R::SetUInt32, static_cast<uint32_t>(integer()));
    case FieldDescriptor::CPPTYPE_UINT64:
      return put(&R::AddUInt64, &R::SetUInt64, static_cast<uint64_t>(integer()));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return put(&R::AddDouble, &R::SetDouble, real());
    case FieldDescriptor::CPPTYPE_FLOAT:
      return put(&R::AddFloat, &R::SetFloat, static_cast<float>(real()));
    case FieldDescriptor::CPPTYPE_BOOL:
      return put(&R::AddBool, &R::SetBool, chance(0.5));
    case FieldDescriptor::CPPTYPE_ENUM: {
      const auto* values = field.enum_type();
      const auto* value = values->value(static_cast<int>(random_() % values->value_count()));
      return put(&R::AddEnum, &R::SetEnum, value);
    }
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string value = field.type() == FieldDescriptor::TYPE_BYTES ? bytes() : text();
      if (field.full_name() == "headrace.OperatorDef.type") value += "Conv";
      return field.is_repeated() ? reflection->AddString(&message, &field, std::move(value))
                                 : reflection->SetString(&message, &field, std::move(value));
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return fill(field.is_repeated() ? *reflection->AddMessage(&message, &field)
                                      : *reflection->MutableMessage(&message, &field),
                  depth + 1);
  }
}

}  // namespace headrace::testing
