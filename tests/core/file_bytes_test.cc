#include "core/file_bytes.h"

#include <filesystem>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace headrace {
namespace {

using testing::expect_error;
using testing::TempFolder;
using testing::write_file;

TEST(FileBytes, HasTheWholeContentReadOrMapped) {
  const TempFolder folder;
  for (const size_t size : {0, 1, 4096, 3 << 20, 17 << 20}) {
    std::string content(size, '\0');
    for (size_t i = 0; i < size; ++i) content[i] = static_cast<char>(i * 2654435761u >> 13);
    write_file(folder / "a", content);
    const FileBytes file(folder / "a");
    EXPECT_EQ(file.text(), content);
    EXPECT_EQ(file.bytes().size(), size);
  }
}

TEST(FileBytes, ReadsWhatHasNoSize) {
  EXPECT_NE(FileBytes("/proc/self/status").text().find("Name:"), std::string_view::npos);

  const TempFolder folder;
  const auto pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const std::string content(3 << 20, 'p');
  std::thread writer([&] { write_file(pipe, content); });
  EXPECT_EQ(FileBytes(pipe).text(), content);
  writer.join();
}

TEST(FileBytes, RefusesMoreThanTheLimit) {
  const TempFolder folder;
  write_file(folder / "a", "12345");
  EXPECT_EQ(FileBytes(folder / "a", 5).text(), "12345");
  expect_error(ErrorCode::kIo, "too large: 5 bytes, at most 4",
               [&] { FileBytes(folder / "a", 4); });
  expect_error(ErrorCode::kIo, "too large", [] { FileBytes("/dev/zero", 1000); });
}

TEST(FileBytes, SaysWhatIsWrongWithThePath) {
  const TempFolder folder;
  expect_error(ErrorCode::kNotFound, "No such file", [&] { FileBytes(folder / "missing"); });
  expect_error(ErrorCode::kIo, "Is a directory", [&] { FileBytes(folder.path()); });
  write_file(folder / "a", "x");
  expect_error(ErrorCode::kNotFound, "Not a directory", [&] { FileBytes(folder / "a/b"); });
}

TEST(FileBytes, RefusedPermission) {
  const TempFolder folder;
  write_file(folder / "secret", "x");
  ASSERT_EQ(::chmod((folder / "secret").c_str(), 0), 0);
  // The superuser may read everything: be somebody else for a moment.
  const bool superuser = ::geteuid() == 0;
  if (superuser) {
    ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
    ASSERT_EQ(::seteuid(65534), 0);
  }
  expect_error(ErrorCode::kIo, "Permission denied", [&] { FileBytes(folder / "secret"); });
  if (superuser) {
    ASSERT_EQ(::seteuid(0), 0);
  }
}

}  // namespace
}  // namespace headrace
