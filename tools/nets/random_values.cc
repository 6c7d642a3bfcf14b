#include "tools/nets/random_values.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/error.h"
#include "core/rng.h"

namespace headrace::tools {
namespace {

void fill_normal(std::span<float> values, float deviation, const Rng& rng) {
  for (size_t i = 0; i < values.size(); i += 2) {
    const auto pair = rng.normal_pair(i / 2);
    values[i] = deviation * pair[0];
    if (i + 1 < values.size()) values[i + 1] = deviation * pair[1];
  }
}

template <typename T>
void fill_integers(std::span<T> values, int64_t bound, const Rng& rng) {
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<T>(rng.below(i, static_cast<uint64_t>(bound)));
  }
}

void fill_integers(Tensor& tensor, int64_t bound, const Rng& rng) {
  switch (tensor.dtype()) {
    case DType::kInt8:
      return fill_integers(tensor.data<int8_t>(), bound, rng);
    case DType::kUInt8:
      return fill_integers(tensor.data<uint8_t>(), bound, rng);
    case DType::kInt16:
      return fill_integers(tensor.data<int16_t>(), bound, rng);
    case DType::kUInt16:
      return fill_integers(tensor.data<uint16_t>(), bound, rng);
    case DType::kInt32:
      return fill_integers(tensor.data<int32_t>(), bound, rng);
    case DType::kInt64:
      return fill_integers(tensor.data<int64_t>(), bound, rng);
    case DType::kBool:
      return fill_integers(tensor.data<bool>(), bound, rng);
    default:
      fail(ErrorCode::kUnsupported, "no random numbers of type {} are made; give a .npy file",
           name_of(tensor.dtype()));
  }
}

/// The largest bound of integers of a type; 0 for what has none.
int64_t most_bound(DType dtype) {
  switch (dtype) {
    case DType::kInt8:
      return 1 << 7;
    case DType::kUInt8:
      return 1 << 8;
    case DType::kInt16:
      return 1 << 15;
    case DType::kUInt16:
      return 1 << 16;
    case DType::kInt32:
      return int64_t{1} << 31;
    case DType::kInt64:
      return std::numeric_limits<int64_t>::max();
    case DType::kBool:
      return 2;
    default:
      return 0;
  }
}

}  // namespace

RandomSpec parse_random(std::string_view text, DType fallback) {
  RandomSpec spec;
  const size_t first = text.find(':');
  const std::string_view rest = first == text.npos ? "" : text.substr(first + 1);
  const size_t second = rest.find(':');
  spec.desc.shape = Shape::parse(text.substr(0, first));
  spec.desc.dtype = rest.empty() ? fallback : parse_dtype(rest.substr(0, second));
  if (second != rest.npos) {
    const std::string_view digits = rest.substr(second + 1);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), spec.bound);
    require(error == std::errc() && end == digits.data() + digits.size() && spec.bound > 0,
            ErrorCode::kInvalidArgument, "'{}' is no bound: expected a number above 0", digits);
    const int64_t most = most_bound(spec.desc.dtype);
    require(most > 0, ErrorCode::kInvalidArgument,
            "random numbers of type {} have no bound; integers have: found '{}'",
            name_of(spec.desc.dtype), text);
    require(spec.bound <= most, ErrorCode::kInvalidArgument,
            "{} is no bound of {}: expected at most {}", spec.bound, name_of(spec.desc.dtype),
            most);
  }
  return spec;
}

Tensor random_input(const RandomSpec& spec, uint64_t seed, std::string_view name) {
  Tensor tensor(spec.desc.shape, spec.desc.dtype);
  const Rng rng(seed, random_key(name), 0);
  if (spec.desc.dtype == DType::kFloat32) {
    fill_normal(tensor.data<float>(), 1.0f, rng);
  } else {
    fill_integers(tensor, spec.bound, rng);
  }
  return tensor;
}

Tensor random_parameter(const TensorDesc& desc, uint64_t seed, std::string_view name) {
  Tensor tensor(desc.shape, desc.dtype);
  if (desc.dtype != DType::kFloat32) {
    fill_integers(tensor, 1, Rng(seed, random_key(name), 0));
    return tensor;
  }
  const Rng rng(seed, random_key(name), 0);
  const auto values = tensor.data<float>();
  if (desc.shape.rank() >= 2) {
    const auto inputs =
        static_cast<float>(std::max<int64_t>(1, desc.shape.product(1, desc.shape.rank())));
    fill_normal(values, 1.0f / std::sqrt(inputs), rng);
  } else {
    for (size_t i = 0; i < values.size(); ++i) values[i] = 0.5f + rng.uniform(i);
  }
  return tensor;
}

}  // namespace headrace::tools
