// Arrays that NumPy itself has written (tests/core/golden/npy/make.py) are read, its format is
// written, and whatever else a file holds gives one Error.
#include "core/npy.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/npy_header.h"
#include "tests/core/element_pattern.h"
#include "tests/support/disk_full.h"
#include "tests/support/expect_error.h"
#include "tests/support/paths.h"
#include "tests/support/temp_folder.h"

namespace headrace {
namespace {

using testing::DiskFull;
using testing::expect_error;
using testing::pattern;
using testing::pattern_tensor;
using testing::read_file;
using testing::TempFolder;
using testing::write_file;

const std::filesystem::path kData = source_dir() / "tests/core/golden/npy";

Tensor read_data(const std::string& name) { return read_npy(kData / (name + ".npy")); }

template <typename T>
class NpyOf : public ::testing::Test {};
using Types =
    ::testing::Types<float, double, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, bool>;
TYPED_TEST_SUITE(NpyOf, Types);

TYPED_TEST(NpyOf, ReadsWhatNumPyWrote) {
  const std::string type(name_of(dtype_of<TypeParam>()));
  for (const auto& [suffix, shape] :
       {std::pair("", Shape{2, 3}), std::pair("_big_fortran", Shape{2, 3, 4})}) {
    const Tensor tensor = read_data(type + suffix);
    EXPECT_EQ(tensor.shape(), shape);
    const auto elements = tensor.data<TypeParam>();
    for (int64_t i = 0; i < tensor.numel(); ++i) {
      EXPECT_EQ(elements[i], pattern<TypeParam>(i)) << type << suffix << ' ' << i;
    }
  }
}

TYPED_TEST(NpyOf, RoundTrip) {
  const TempFolder folder;
  for (const Shape& shape :
       {Shape{}, Shape{7}, Shape{2, 3}, Shape{3, 0, 2}, Shape{1, 2, 1, 2, 1, 3, 1, 2}}) {
    const Tensor tensor = pattern_tensor<TypeParam>(shape);
    write_npy(tensor, folder / "a.npy");
    const Tensor back = read_npy(folder / "a.npy");
    EXPECT_EQ(back.desc(), tensor.desc());
    EXPECT_TRUE(std::ranges::equal(back.data<TypeParam>(), tensor.data<TypeParam>()));
  }
}

TEST(Npy, WritesTheBytesThatNumPyWrites) {
  const TempFolder folder;
  for (const auto* name :
       {"float16", "float32", "float64", "int8", "int64", "bool", "scalar", "vector", "empty"}) {
    write_npy(read_data(name), folder / "a.npy");
    EXPECT_EQ(read_file(folder / "a.npy"), read_file(kData / (std::string(name) + ".npy"))) << name;
  }
}

TEST(Npy, HalfPrecisionKeepsItsBits) {
  // -1.5, -0.75, 0, 0.75, 1.5, 2.25 in IEEE 754 binary16.
  const std::vector<uint16_t> bits = {0xbe00, 0xba00, 0x0000, 0x3a00, 0x3e00, 0x4080};
  const Tensor tensor = read_data("float16");
  EXPECT_EQ(tensor.dtype(), DType::kFloat16);
  EXPECT_EQ(std::memcmp(tensor.raw(), bits.data(), tensor.bytes()), 0);
  const Tensor swapped = read_data("float16_big_fortran");
  EXPECT_EQ(std::memcmp(swapped.raw(), bits.data(), bits.size() * 2), 0);
}

TEST(Npy, OtherVersionsAndShapes) {
  const Tensor plain = read_data("float32");
  for (const auto* name : {"version2", "version3"}) {
    const Tensor tensor = read_data(name);
    EXPECT_EQ(tensor.desc(), plain.desc());
    EXPECT_TRUE(std::ranges::equal(tensor.data<float>(), plain.data<float>()));
  }
  EXPECT_EQ(read_data("scalar").shape(), Shape());
  EXPECT_EQ(read_data("scalar").item<float>(), -1.5F);
  EXPECT_EQ(read_data("vector").shape(), Shape{5});
  EXPECT_EQ(read_data("empty").shape(), (Shape{3, 0, 2}));
  EXPECT_EQ(read_data("empty_fortran").shape(), (Shape{3, 0, 2}));
}

TEST(Npy, WritesTheLogicalOrder) {
  const Tensor plain = Tensor::from<float>({1, 2, 1, 3}, {1, 2, 3, 4, 5, 6});
  const TensorDesc desc{DType::kFloat32, plain.shape(), Layout::kChannelsLast};
  const Tensor last(Tensor(plain.shape(), DType::kFloat32).buffer(), 0, desc);
  reorder(plain.raw(), plain.desc(), last.buffer()->data(), desc);
  const TempFolder folder;
  write_npy(last, folder / "a.npy");
  EXPECT_TRUE(std::ranges::equal(read_npy(folder / "a.npy").data<float>(), plain.data<float>()));
}

TEST(Npy, RefusesOtherElementTypes) {
  expect_error(ErrorCode::kUnsupported, "NumPy type '<u4'", [] { read_data("uint32"); });
  expect_error(ErrorCode::kUnsupported, "NumPy type '<c8'", [] { read_data("complex64"); });
  expect_error(ErrorCode::kUnsupported, "NumPy type '<U2'", [] { read_data("unicode"); });
  expect_error(ErrorCode::kUnsupported, "Python objects", [] { read_data("object"); });
  expect_error(ErrorCode::kUnsupported, "array of records", [] { read_data("record"); });
  expect_error(ErrorCode::kUnsupported, "9 dimensions, at most 8", [] { read_data("rank9"); });

  const TempFolder folder;
  expect_error(ErrorCode::kUnsupported, "no type for string tensors",
               [&] { write_npy(Tensor({1}, DType::kString), folder / "a.npy"); });
  expect_error(ErrorCode::kUnsupported, "no type for bfloat16 tensors",
               [&] { write_npy(Tensor({1}, DType::kBFloat16), folder / "a.npy"); });
  EXPECT_TRUE(folder.names().empty());
}

TEST(Npy, ForeignFiles) {
  const auto refuse = [](std::string_view content, std::string_view part) {
    expect_error(ErrorCode::kCorrupt, part, [&] { parse_npy(content, "a.npy"); });
  };
  refuse("", "it is empty");
  refuse("PK\x03\x04", "it looks like a ZIP archive");
  refuse("hello", "it does not begin as one");
  expect_error(ErrorCode::kNotFound, [] { read_npy(kData / "missing.npy"); });
  expect_error(ErrorCode::kIo, "Is a directory", [] { read_npy(kData); });
}

// A file with this dictionary and `elements` bytes of zeros.
std::string file_with(const std::string& dictionary, size_t elements) {
  std::string content("\x93NUMPY\x01\0", 8);
  content += static_cast<char>(dictionary.size());
  content += '\0';
  return content + dictionary + std::string(elements, '\0');
}

TEST(Npy, SizesAreNeverBelieved) {
  const auto shape = [](const std::string& dims, size_t elements) {
    return file_with("{'descr': '<f4', 'fortran_order': False, 'shape': (" + dims + ")}", elements);
  };
  EXPECT_EQ(parse_npy(shape("2L, 3L", 24), "a").shape(), (Shape{2, 3}));
  const auto refuse = [&](const std::string& dims, size_t elements, std::string_view part) {
    expect_error(ErrorCode::kCorrupt, part, [&] { parse_npy(shape(dims, elements), "a"); });
  };
  refuse("2, 3", 23, "is truncated: float32 elements of shape (2, 3) take 24 bytes, it has 23");
  refuse("2, 3", 25, "is too long");
  refuse("1000000000000,", 24, "truncated");
  refuse("4611686018427387904,", 0, "far too many");
  refuse("4611686018427387904, 4", 0, "far too many");
  refuse("9223372036854775807, 9223372036854775807, 0", 0, "far too many");
  refuse("99999999999999999999,", 0, "a dimension");
  refuse("-1,", 0, "a dimension");
  refuse("2 3", 24, "',' or ')'");
  refuse("2, 3", 0, "it has 0");

  std::string huge_header("\x93NUMPY\x02\0\xff\xff\xff\xff{}", 14);
  expect_error(ErrorCode::kCorrupt, "header has 4294967295 bytes",
               [&] { parse_npy(huge_header, "a"); });
}

TEST(Npy, DamagedHeaders) {
  for (const auto* dictionary :
       {"", "{", "{}", "{'descr': '<f4'}", "{'descr': '<f4', 'fortran_order': 0, 'shape': ()}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (), 'x': 1}",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': ()}",
        "{'descr': '<f4, 'fortran_order': False, 'shape': ()}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': ()} x",
        "{'descr': '<f4' 'fortran_order': False, 'shape': ()}"}) {
    expect_error(ErrorCode::kCorrupt, "header should have",
                 [&] { parse_npy(file_with(dictionary, 4), "a"); });
  }
  expect_error(ErrorCode::kCorrupt, "element 1 is 7, a bool is 0 or 1", [] {
    std::string content = file_with("{'descr': '|b1', 'fortran_order': False, 'shape': (2,)}", 2);
    content.back() = 7;
    parse_npy(content, "a");
  });
  expect_error(ErrorCode::kUnsupported, "version 9.0",
               [] { parse_npy(std::string("\x93NUMPY\x09\0\0\0\0\0", 12), "a"); });
}

TEST(Npy, EveryPrefixAndEveryBitFlip) {
  std::string content = read_file(kData / "int16_big_fortran.npy");
  const auto read_or_error = [](std::string_view damaged) {
    try {
      return parse_npy(damaged, "a").defined();
    } catch (const Error& error) {
      EXPECT_TRUE(error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kUnsupported)
          << error.what();
      return false;
    }
  };
  for (size_t size = 0; size < content.size(); ++size) {
    EXPECT_FALSE(read_or_error(content.substr(0, size)));
  }
  int valid = 0;
  for (size_t bit = 0; bit < content.size() * 8; ++bit) {
    content[bit / 8] = static_cast<char>(content[bit / 8] ^ (1 << bit % 8));
    valid += read_or_error(content) ? 1 : 0;
    content[bit / 8] = static_cast<char>(content[bit / 8] ^ (1 << bit % 8));
  }
  EXPECT_GE(valid, 48 * 8) << "any element is as good as another";
}

TEST(Npy, FullDiskKeepsTheOldFile) {
  const TempFolder folder;
  const Tensor small = Tensor::from<float>({2}, {1, 2});
  write_npy(small, folder / "a.npy");
  {
    const DiskFull full(1 << 20);
    expect_error(ErrorCode::kIo, "nothing was changed",
                 [&] { write_npy(Tensor({1 << 20}, DType::kFloat32), folder / "a.npy"); });
  }
  EXPECT_EQ(read_npy(folder / "a.npy").shape(), Shape{2});
  EXPECT_EQ(folder.names().size(), 1U);
}

}  // namespace
}  // namespace headrace
