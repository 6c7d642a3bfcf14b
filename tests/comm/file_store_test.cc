// The file store among processes that die, and folders that go away. What it shares with the others
// is in store_test.cc.
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "comm/store/open.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace headrace::comm {
namespace {

using testing::expect_error;
using testing::TempFolder;

// Processes that are killed in the midst of writing leave whole values and no lock behind.
TEST(FileStores, KilledWritersLeaveNoTrace) {
  const TempFolder folder;
  const auto store = open_file_store(folder.path());
  for (int round = 0; round < 20; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      const auto mine = open_file_store(folder.path());
      for (int i = 0;; ++i) {
        mine->set("k", std::string(20'000, static_cast<char>('a' + i % 26)));
        mine->add("n", 1);
      }
    }
    ASSERT_GT(child, 0);
    store->get("n", deadline_in(20));
    std::this_thread::sleep_for(std::chrono::microseconds(500 + 700 * round));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    const auto value = store->try_get("k");
    ASSERT_TRUE(value);
    EXPECT_EQ(*value, std::string(20'000, value->front()));
    const int64_t count = store->add("n", 1);
    EXPECT_EQ(store->add("n", 1), count + 1);
  }
}

// Counting by processes, the reference being the number of calls.
TEST(FileStores, ProcessesCountTogether) {
  const TempFolder folder;
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    children.push_back(fork());
    if (children.back() == 0) {
      const auto mine = open_file_store(folder.path());
      for (int j = 0; j < 100; ++j) mine->add("n", 1);
      _exit(0);
    }
  }
  for (const pid_t child : children) {
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(open_file_store(folder.path())->add("n", 0), 400);
}

TEST(FileStores, AStoppedWriterIsNamed) {
  const TempFolder folder;
  const auto store = open_file_store(folder.path(), 0.2);
  store->set("k", "v");
  const int lock = open((folder.path() / ".lock").c_str(), O_RDWR | O_CLOEXEC);
  struct flock all {};
  all.l_type = F_WRLCK;
  all.l_whence = SEEK_SET;
  ASSERT_EQ(fcntl(lock, F_OFD_SETLK, &all), 0);
  expect_error(ErrorCode::kTimeout, "is it stopped?", [&] { store->set("k", "w"); });
  EXPECT_EQ(store->try_get("k"), "v");
  close(lock);
  store->set("k", "w");
  EXPECT_EQ(store->try_get("k"), "w");
}

TEST(FileStores, TheFolderGoes) {
  const TempFolder folder;
  const auto path = folder.path() / "of a job";
  const auto store = open_file_store(path);
  store->set("k", "v");
  std::filesystem::remove_all(path);
  expect_error(ErrorCode::kUnavailable, [&] { store->set("k", "w"); });
  expect_error(ErrorCode::kUnavailable, [&] { store->get("k", deadline_in(10)); });
}

TEST(FileStores, NoFolder) {
  expect_error(ErrorCode::kIo, "needs a folder", [] { open_file_store("/dev/null/store"); });
  // The reason is why it cannot be made, and not that it is not there.
  const testing::TempFolder folder;
  std::filesystem::create_symlink(folder / "nowhere", folder / "store");
  expect_error(ErrorCode::kIo, "File exists", [&] { open_file_store(folder / "store"); });
}

// Nothing but the values and the lock stays in the folder.
TEST(FileStores, OneFilePerKey) {
  const TempFolder folder;
  const auto store = open_file_store(folder.path());
  for (int i = 0; i < 10; ++i) store->set("k", std::to_string(i));
  store->add("n", 1);
  store->set("gone", "");
  store->erase("gone");
  size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    ++files;
  }
  EXPECT_EQ(files, 3u);
}

}  // namespace
}  // namespace headrace::comm
