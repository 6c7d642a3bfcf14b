// Saving is all or nothing, and what is saved can be loaded.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "core/file_bytes.h"
#include "core/proto/net.pb.h"
#include "core/proto/net_io.h"
#include "tests/support/disk_full.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace headrace {
namespace {

using testing::DiskFull;
using testing::expect_error;
using testing::read_file;
using testing::TempFolder;
using testing::write_file;

// A net of one operator whose argument takes about `size` bytes.
NetDef net_of_size(size_t size) {
  NetDef net;
  auto* op = net.add_op();
  op->set_type("GivenTensorStringFill");
  op->add_output("x");
  auto* arg = op->add_arg();
  arg->set_name("values");
  arg->mutable_s()->assign(size, 'x');
  return net;
}

TEST(Save, NothingIsWrittenForWhatCannotBeLoaded) {
  const TempFolder folder;
  const auto refuse = [&](const auto& message, std::string_view why) {
    for (const auto* name : {"a.pb", "a.pbtxt"}) {
      expect_error(ErrorCode::kInvalidNet, why, [&] { save(message, folder / name); });
    }
  };
  refuse(NetDef(), "it is empty");
  NetDef untyped;
  untyped.add_op()->add_input("x");
  refuse(untyped, "op[0] has no type");
  NetDef nested;
  nested.add_op()->set_type("If");
  *nested.mutable_op(0)->add_arg()->add_nets() = untyped;
  refuse(nested, "op[0].arg[0].nets[0].op[0] has no type");
  NetDef incomplete = net_of_size(1);
  incomplete.mutable_op(0)->mutable_arg(0)->add_qtensors();
  refuse(incomplete, "it lacks op[0].arg[0].qtensors[0].precision");
  EXPECT_TRUE(folder.names().empty());
}

TEST(Save, ExtensionSaysTheFormat) {
  const TempFolder folder;
  const NetDef net = net_of_size(3);
  save_net(net, folder / "a.pb");
  save_net(net, folder / "a.pbtxt");
  save_net(net, folder / "a.prototxt");
  EXPECT_EQ(read_file(folder / "a.pb"), net.SerializeAsString());
  EXPECT_EQ(read_file(folder / "a.pbtxt"), read_file(folder / "a.prototxt"));
  EXPECT_EQ(read_file(folder / "a.pbtxt").substr(0, 4), "op {");
  for (const auto* name : {"a", "a.txt", "a.pb.tmp", ".pb"}) {
    expect_error(ErrorCode::kInvalidArgument, "the extension must be .pb",
                 [&] { save_net(net, folder / name); });
  }
}

TEST(Save, FullDiskKeepsTheOldNet) {
  const TempFolder folder;
  for (const auto* name : {"a.pb", "a.pbtxt"}) {
    save_net(net_of_size(10), folder / name);
    const std::string before = read_file(folder / name);
    {
      const DiskFull full(100 << 10);
      expect_error(ErrorCode::kIo, "nothing was changed",
                   [&] { save_net(net_of_size(1 << 20), folder / name); });
    }
    EXPECT_EQ(read_file(folder / name), before);
  }
  EXPECT_EQ(folder.names().size(), 2U);
}

TEST(Save, MissingFolder) {
  const TempFolder folder;
  expect_error(ErrorCode::kNotFound, "create the folder first",
               [&] { save_net(net_of_size(1), folder / "missing/a.pb"); });
}

// A file of `size` bytes that starts with `head`; the rest is a hole of zeros.
void write_sparse(const std::filesystem::path& path, std::string_view head, uint64_t size) {
  write_file(path, head);
  ASSERT_EQ(::truncate(path.c_str(), static_cast<off_t>(size)), 0);
}

TEST(Limits, FilesBeyondTheLimitGetOneError) {
  const TempFolder folder;
  write_sparse(folder / "a.pb", "\x12", kMaxMessageBytes + 1);
  expect_error(ErrorCode::kIo, "too large: 2147483585 bytes, at most 2147483584",
               [&] { load_net(folder / "a.pb"); });
  write_sparse(folder / "a.pb", "\x12", uint64_t{5} << 30);
  expect_error(ErrorCode::kIo, "too large", [&] { load_net(folder / "a.pb"); });
}

size_t available_memory() {
  const FileBytes file("/proc/meminfo");
  const size_t at = file.text().find("MemAvailable:");
  return std::stoull(std::string(file.text().substr(at + 13))) << 10;
}

TEST(Limits, TheLargestFileLoads) {
#ifdef HEADRACE_SANITIZED
  GTEST_SKIP() << "sanitizers multiply the memory it takes";
#endif
  if (available_memory() < (size_t{5} << 30)) GTEST_SKIP() << "needs 5 GiB of memory";
  // name: "x", op { type: "F" arg { s: all but the 24 bytes around it } }
  const auto varint = [](uint64_t value) {
    std::string bytes;
    for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
    return bytes += static_cast<char>(value);
  };
  constexpr uint64_t kPayload = kMaxMessageBytes - 24;
  std::string head("\x0a\x01x\x12", 4);
  head += varint(kPayload + 6 + 6 + 3)
              .append(
                  "\x22\x01"
                  "F\x2a");
  head += varint(kPayload + 6).append("\x22").append(varint(kPayload));
  const TempFolder folder;
  write_sparse(folder / "a.pb", head, kMaxMessageBytes);
  ASSERT_EQ(head.size() + kPayload, kMaxMessageBytes);

  NetDef net = load_net(folder / "a.pb");
  EXPECT_EQ(net.op(0).arg(0).s().size(), kPayload);
  EXPECT_EQ(net.ByteSizeLong(), kMaxMessageBytes);
  net.set_name("xy");
  expect_error(ErrorCode::kInvalidNet, "takes 2147483585 bytes, a file holds at most 2147483584",
               [&] { save_net(net, folder / "b.pb"); });
}

}  // namespace
}  // namespace headrace
