// Headers of safetensors files (https://github.com/huggingface/safetensors, "Format"). Whole files
// are read and written by the tests of `convert` and `train`.
#include "core/safetensors.h"

#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "core/error.h"

namespace headrace {
namespace {

/// A file of this header and 24 bytes of elements: 1, 2, 3, 4, 5, 6 as float32.
std::string file_of(const std::string& header) {
  const uint64_t length = header.size();
  const float elements[] = {1, 2, 3, 4, 5, 6};
  return std::string(reinterpret_cast<const char*>(&length), sizeof(length)) + header +
         std::string(reinterpret_cast<const char*>(elements), sizeof(elements));
}

std::string entry(const std::string& shape, const std::string& offsets) {
  return R"({"w": {"dtype": "F32", "shape": )" + shape + R"(, "data_offsets": )" + offsets + "}}";
}

TEST(Safetensors, AFileOfAnotherWriterIsRead) {
  const TensorFile file =
      parse_tensors(file_of(entry("[2, 3]", "[0, 24]")), "a", Checksum::kIfThere);
  ASSERT_EQ(file.tensors.size(), 1u);
  const Tensor& w = file.tensors.at("w");
  EXPECT_EQ(w.shape(), Shape({2, 3}));
  EXPECT_EQ(w.data<float>()[5], 6);
}

TEST(Safetensors, NumbersThatAreNoSizesAreNamed) {
  struct Case {
    const char* shape;
    const char* offsets;
    const char* says;
  };
  for (const Case& damage : {
           Case{"[2, 44444444444444444444443]", "[0, 24]", "found 4.44444"},
           Case{"[2, 3.5]", "[0, 24]", "found 3.5"},
           Case{"[2, 3.0]", "[0, 24]", "found 3.0"},
           Case{"[-2, 3]", "[0, 24]", "found -2"},
           Case{"[2, 9223372036854775808]", "[0, 24]", "found 9223372036854775808"},
           Case{"[4611686018427387904, 4]", "[0, 24]", "in 'w'"},
           Case{"[2, \"3\"]", "[0, 24]", "found \"3\""},
           Case{"6", "[0, 24]", "expected a list of whole numbers, found 6"},
           Case{"[2, 3]", "[0, 24.5]", "found 24.5"},
           Case{"[2, 3]", "[0, 24, 0]", "are not where its header says"},
           Case{"[2, 3]", "[0, 25]", "are not where its header says"},
           Case{"[2, 3]", "[24, 0]", "are not where its header says"},
           Case{"[2, 2]", "[0, 24]", "are not where its header says"},
       }) {
    try {
      parse_tensors(file_of(entry(damage.shape, damage.offsets)), "a", Checksum::kIfThere);
      FAIL() << "taken: shape " << damage.shape << ", offsets " << damage.offsets;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCorrupt) << error.what();
      EXPECT_NE(std::string(error.what()).find(damage.says), std::string::npos)
          << "expected '" << damage.says << "' in: " << error.what();
    }
  }
}

}  // namespace
}  // namespace headrace
