#include "tests/operators/compare.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace headrace::testing {
namespace {

template <typename F>
auto visit_type(DType type, F f) {
  switch (type) {
    case DType::kFloat32:
      return f(float{});
    case DType::kFloat64:
      return f(double{});
    case DType::kInt8:
      return f(int8_t{});
    case DType::kUInt8:
      return f(uint8_t{});
    case DType::kInt16:
      return f(int16_t{});
    case DType::kUInt16:
      return f(uint16_t{});
    case DType::kInt32:
      return f(int32_t{});
    case DType::kInt64:
      return f(int64_t{});
    case DType::kBool:
      return f(bool{});
    default:
      fail(ErrorCode::kInternal, "no numbers in a {} tensor", name_of(type));
  }
}

::testing::AssertionResult strings_equal(const Tensor& found, const Tensor& expected) {
  auto a = found.data<std::string>();
  auto b = expected.data<std::string>();
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i]) {
      return ::testing::AssertionFailure()
             << "element " << i << " is '" << a[i] << "', expected '" << b[i] << "'";
    }
  }
  return ::testing::AssertionSuccess();
}

}  // namespace

double element(const Tensor& tensor, int64_t i) {
  return visit_type(tensor.dtype(), [&](auto type) {
    return static_cast<double>(static_cast<const decltype(type)*>(tensor.raw())[i]);
  });
}

void set_element(Tensor& tensor, int64_t i, double value) {
  visit_type(tensor.dtype(), [&](auto type) {
    static_cast<decltype(type)*>(tensor.raw())[i] = static_cast<decltype(type)>(value);
  });
}

Tensor to_double(const Tensor& tensor) {
  if (tensor.dtype() != DType::kFloat32) return tensor;
  Tensor result(tensor.shape(), DType::kFloat64);
  for (int64_t i = 0; i < tensor.numel(); ++i) set_element(result, i, element(tensor, i));
  return result;
}

::testing::AssertionResult same_tensor(const Tensor& found, const Tensor& expected,
                                       double tolerance) {
  bool wider = found.dtype() == DType::kFloat32 && expected.dtype() == DType::kFloat64;
  if (found.shape() != expected.shape() || (found.dtype() != expected.dtype() && !wider)) {
    return ::testing::AssertionFailure()
           << "found " << found.desc().to_string() << ", expected " << expected.desc().to_string();
  }
  if (found.dtype() == DType::kString) return strings_equal(found, expected);

  double largest = 0;
  for (int64_t i = 0; i < expected.numel(); ++i) {
    double value = std::abs(element(expected, i));
    if (std::isfinite(value)) largest = std::max(largest, value);
  }
  double allowed = is_floating(found.dtype()) ? tolerance * largest : 0;
  for (int64_t i = 0; i < expected.numel(); ++i) {
    double a = element(found, i);
    double b = element(expected, i);
    bool equal = a == b || (std::isnan(a) && std::isnan(b)) || std::abs(a - b) <= allowed;
    if (!equal) {
      return ::testing::AssertionFailure()
             << "element " << i << " of " << found.desc().to_string() << " is " << a
             << ", expected " << b << " within " << allowed << " (difference " << a - b << ")";
    }
  }
  return ::testing::AssertionSuccess();
}

::testing::AssertionResult same_blob(const Blob& found, const Blob& expected, double tolerance) {
  if (found.is_tensor() && expected.is_tensor()) {
    return same_tensor(found.tensor(), expected.tensor(), tolerance);
  }
  if (found.to_string() == expected.to_string()) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << "found " << found.to_string() << ", expected " << expected.to_string();
}

}  // namespace headrace::testing
