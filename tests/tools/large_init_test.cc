// An init net of many MB, run by the command as users run it: weights take memory once.
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "core/npy.h"
#include "core/proto/net.pb.h"
#include "core/proto/net_io.h"
#include "tests/support/temp_folder.h"
#include "tests/tools/process.h"

namespace headrace {
namespace {

using testing::headrace;
using testing::ProcessResult;
using testing::TempFolder;
using testing::write_file;

float weight(size_t i) { return static_cast<float>(i % 1000) - 500.0f; }

/// Appends an operator that makes `name`, a vector of `count` floats, to a net in binary form.
void append_given(std::ofstream& file, const std::string& name, size_t count, bool packed) {
  OperatorDef op;
  op.add_output(name);
  op.set_type("GivenTensorFill");
  Argument& shape = *op.add_arg();
  shape.set_name("shape");
  shape.add_ints(static_cast<int64_t>(count));
  Argument& values = *op.add_arg();
  values.set_name("values");
  const std::string head = values.SerializeAsString();
  op.mutable_arg()->RemoveLast();

  const auto put_varint = [](std::string& out, size_t value) {
    for (; value > 0x7f; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
    out.push_back(static_cast<char>(value));
  };
  std::string length;
  put_varint(length, 4 * count);
  const std::string list_start = packed ? "\x2a" + length : "";  // Argument.floats
  const size_t numbers = (packed ? 4 : 5) * count;
  std::string start = op.SerializeAsString();
  std::string arg_start = "\x2a";  // OperatorDef.arg
  put_varint(arg_start, head.size() + list_start.size() + numbers);
  start += arg_start + head + list_start;
  std::string op_start = "\x12";  // NetDef.op
  put_varint(op_start, start.size() + numbers);
  file << op_start << start;
  std::string some;
  for (size_t i = 0; i < count; ++i) {
    const float value = weight(i);
    if (!packed) some.push_back('\x2d');
    some.append(reinterpret_cast<const char*>(&value), 4);
    if (some.size() > (1 << 20) || i + 1 == count) {
      file << some;
      some.clear();
    }
  }
}

constexpr size_t kLarge = 20 << 20;
constexpr size_t kOther = 2 << 20;
constexpr size_t kOthers = 6;
constexpr size_t kSmall = 1000;
constexpr size_t kWeights = 4 * (kLarge + kOthers * kOther + kSmall);

#ifdef HEADRACE_SANITIZED
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

TEST(LargeInit, TakesTheMemoryOfItsWeightsOnce) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer takes memory of its own";
  const TempFolder folder;
  write_file(folder / "net.pbtxt",
             "name: 'net' external_input: 'small' external_output: 'y'\n"
             "op { input: 'small' output: 'y' type: 'Copy' }");
  for (const bool packed : {false, true}) {
    SCOPED_TRACE(packed ? "packed" : "unpacked, as Caffe2 writes");
    {
      std::ofstream file(folder / "init.pb", std::ios::binary);
      append_given(file, "large", kLarge, packed);
      for (size_t i = 0; i < kOthers; ++i) {
        append_given(file, "w" + std::to_string(i), kOther, packed);
      }
      append_given(file, "small", kSmall, packed);
    }
    const ProcessResult result =
        headrace({"run", "net.pbtxt", "--init", "init.pb", "--output", "y=y.npy"}, folder.path());
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_LE(static_cast<double>(result.peak_bytes), 1.2 * kWeights);
    const Tensor y = read_npy(folder / "y.npy");
    ASSERT_EQ(y.shape(), Shape{kSmall});
    for (size_t i = 0; i < kSmall; ++i) ASSERT_EQ(y.data<float>()[i], weight(i));
  }
}

}  // namespace
}  // namespace headrace
