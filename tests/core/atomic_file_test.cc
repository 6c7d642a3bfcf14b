#include "core/atomic_file.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

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

void write_atomically(const std::filesystem::path& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content);
  file.commit();
}

TEST(AtomicFile, WritesContentOfAnySize) {
  const TempFolder folder;
  for (const size_t size : {0, 1, 65535, 65536, 65537, 1 << 20}) {
    const std::string content(size, 'x');
    write_atomically(folder / "a", content);
    EXPECT_EQ(read_file(folder / "a"), content);
  }
  EXPECT_EQ(folder.names(), std::vector<std::string>{"a"});
}

TEST(AtomicFile, JoinsSmallAndLargeWritesInOrder) {
  const TempFolder folder;
  std::string expected;
  AtomicFile file(folder / "a");
  for (int i = 0; i < 50; ++i) {
    const std::string piece(i % 7 == 0 ? 100000 : i * 13, static_cast<char>('a' + i % 26));
    file.write(piece);
    expected += piece;
  }
  file.commit();
  EXPECT_EQ(read_file(folder / "a"), expected);
}

/// Whether files without a name can be made in a folder.
bool has_nameless_files(const std::filesystem::path& folder) {
  const int file = ::open(folder.c_str(), O_TMPFILE | O_WRONLY, 0666);
  if (file >= 0) ::close(file);
  return file >= 0;
}

TEST(AtomicFile, NothingIsLeftOfAProcessThatWasKilled) {
  const TempFolder folder;
  if (!has_nameless_files(folder.path())) GTEST_SKIP() << "files need names on " << folder.path();
  write_file(folder / "a", "old");
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    AtomicFile file(folder / "a");
    file.write(std::string(1 << 20, 'x'));
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(read_file(folder / "a"), "old");
  EXPECT_EQ(folder.names(), std::vector<std::string>{"a"});
}

TEST(AtomicFile, WithoutCommitTheOldFileStays) {
  const TempFolder folder;
  write_file(folder / "a", "old");
  {
    AtomicFile file(folder / "a");
    file.write(std::string(1 << 20, 'x'));
    EXPECT_EQ(read_file(folder / "a"), "old");
  }
  EXPECT_EQ(read_file(folder / "a"), "old");
  EXPECT_EQ(folder.names(), std::vector<std::string>{"a"});
}

TEST(AtomicFile, FullDiskLeavesTheOldFileAndNothingElse) {
  const TempFolder folder;
  write_file(folder / "a", "old");
  {
    const DiskFull full(100000);
    for (const size_t size : {100001, 1 << 20}) {
      expect_error(ErrorCode::kIo, "File too large; nothing was changed",
                   [&] { write_atomically(folder / "a", std::string(size, 'x')); });
    }
  }
  EXPECT_EQ(read_file(folder / "a"), "old");
  EXPECT_EQ(folder.names(), std::vector<std::string>{"a"});
}

TEST(AtomicFile, DevicesAreWrittenAndNotReplaced) {
  expect_error(ErrorCode::kIo, "No space left on device",
               [] { write_atomically("/dev/full", "x"); });
  write_atomically("/dev/null", "x");
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

TEST(AtomicFile, FollowsLinksAndKeepsPermissions) {
  const TempFolder folder;
  std::filesystem::create_directory(folder / "elsewhere");
  write_file(folder / "elsewhere/real", "old");
  ASSERT_EQ(::chmod((folder / "elsewhere/real").c_str(), 0640), 0);
  std::filesystem::create_symlink("elsewhere/real", folder / "link");
  std::filesystem::create_symlink("elsewhere/new", folder / "dangling");

  write_atomically(folder / "link", "new");
  write_atomically(folder / "dangling", "fresh");

  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  EXPECT_EQ(read_file(folder / "elsewhere/real"), "new");
  EXPECT_EQ(read_file(folder / "elsewhere/new"), "fresh");
  const auto permissions = std::filesystem::status(folder / "elsewhere/real").permissions();
  EXPECT_EQ(static_cast<unsigned>(permissions), 0640u);
}

TEST(AtomicFile, NamesOfTheLongestLength) {
  const TempFolder folder;
  const std::string name(255, 'n');
  write_atomically(folder / name, "x");
  EXPECT_EQ(read_file(folder / name), "x");
}

TEST(AtomicFile, SaysWhatIsWrongWithThePath) {
  const TempFolder folder;
  expect_error(ErrorCode::kNotFound, "create the folder first",
               [&] { write_atomically(folder / "missing/a", "x"); });
  expect_error(ErrorCode::kIo, "Is a directory", [&] { write_atomically(folder.path(), "x"); });
  std::filesystem::create_symlink("loop", folder / "loop");
  expect_error(ErrorCode::kIo, [&] { write_atomically(folder / "loop", "x"); });
  write_file(folder / "file", "x");
  expect_error(ErrorCode::kNotFound, [&] { write_atomically(folder / "file/a", "x"); });
}

TEST(AtomicFile, WhatIsUnfinishedCanBeRemoved) {
  const TempFolder folder;
  for (const char* name : {".headrace-12-3.tmp", ".headrace.tmp", "headrace-1-2.tmp", "file"}) {
    write_file(folder / name, "x");
  }
  remove_unfinished_files(folder.path());
  auto left = folder.names();
  std::ranges::sort(left);
  EXPECT_EQ(left, (std::vector<std::string>{".headrace.tmp", "file", "headrace-1-2.tmp"}));
  expect_error(ErrorCode::kIo, [&] { remove_unfinished_files(folder / "none"); });
}

TEST(AtomicFile, ConcurrentWritersLeaveOneWholeFile) {
  const TempFolder folder;
  std::vector<std::thread> writers;
  for (char c = 'a'; c < 'e'; ++c) {
    writers.emplace_back([&, c] {
      for (int i = 0; i < 20; ++i) write_atomically(folder / "shared", std::string(100000, c));
    });
  }
  for (auto& writer : writers) writer.join();
  const std::string content = read_file(folder / "shared");
  EXPECT_EQ(content, std::string(100000, content[0]));
  EXPECT_EQ(folder.names(), std::vector<std::string>{"shared"});
}

TEST(AtomicFile, RelativePaths) {
  const TempFolder folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  write_atomically("plain", "x");
  std::filesystem::current_path(before);
  EXPECT_EQ(read_file(folder / "plain"), "x");
}

}  // namespace
}  // namespace headrace
