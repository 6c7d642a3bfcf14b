#include "core/blob.h"

namespace headrace {

Tensor& Blob::tensor() {
  if (!is_tensor()) wrong_content("tensor");
  return std::get<Tensor>(content_);
}

const Tensor& Blob::tensor() const { return const_cast<Blob*>(this)->tensor(); }

std::string Blob::to_string() const {
  if (empty()) return "empty";
  if (is_tensor()) return std::get<Tensor>(content_).desc().to_string();
  return "a " + std::get<Handle>(content_).type_name;
}

void Blob::wrong_content(std::string_view expected) const {
  fail(ErrorCode::kTypeMismatch, "expected a {}, found {}", expected, to_string());
}

}  // namespace headrace
