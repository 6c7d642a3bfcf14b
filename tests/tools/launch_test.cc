// headrace launch with real processes: what ranks are told, how they end together, that none is
// left.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "comm/cost.h"
#include "tests/support/eventually.h"
#include "tests/support/temp_folder.h"
#include "tests/tools/process.h"
#include "tools/launch/line_prefixer.h"
#include "tools/launch/plan.h"

namespace headrace {
namespace {

using std::chrono::steady_clock;
using testing::eventually;
using ::testing::HasSubstr;
using testing::Process;
using testing::ProcessResult;
using testing::TempFolder;
using ::testing::UnorderedElementsAre;

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> all;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) all.push_back(line);
  return all;
}

double seconds_since(steady_clock::time_point start) {
  return std::chrono::duration<double>(steady_clock::now() - start).count();
}

// All of a file of /proc, whose process may end meanwhile.
std::string read_proc(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// True for a process that runs; a zombie that init has not fetched yet does not.
bool is_alive(pid_t id) {
  const std::string text = read_proc(fmt::format("/proc/{}/stat", id));
  const size_t end = text.rfind(')');
  return end != text.npos && text.at(end + 2) != 'Z';
}

class Launches : public ::testing::Test {
 protected:
  static std::vector<std::string> arguments(const std::vector<std::string>& flags,
                                            const std::string& script) {
    std::vector<std::string> all = {"launch"};
    all.insert(all.end(), flags.begin(), flags.end());
    all.insert(all.end(), {"--", "sh", "-c", script});
    return all;
  }

  ProcessResult launch(const std::vector<std::string>& flags, const std::string& script) const {
    return testing::headrace(arguments(flags, script), folder_.path());
  }

  /// Process ids that scripts have written with `echo $$ >pid.NAME`, as soon as there are `count`.
  std::vector<pid_t> ids(size_t count) const {
    std::vector<pid_t> found;
    EXPECT_TRUE(eventually([&] {
      found.clear();
      for (const std::string& name : folder_.names()) {
        pid_t id = 0;
        if (name.starts_with("pid.") && std::ifstream(folder_ / name) >> id) found.push_back(id);
      }
      return found.size() >= count;
    }));
    return found;
  }

  void expect_none_left(size_t count) const {
    for (const pid_t id : ids(count)) {
      EXPECT_TRUE(eventually([&] { return !is_alive(id); })) << id;
    }
  }

  /// A stand-in for ssh: drops the host and runs the rest here, in a process group of its own as a
  /// server would.
  std::string fake_ssh() const {
    const auto path = folder_ / "ssh";
    testing::write_file(path, "#!/bin/sh\nshift\nexec setsid -w sh -c \"$*\"\n");
    chmod(path.c_str(), 0700);
    return path.string();
  }

  TempFolder folder_;
};

TEST_F(Launches, RanksAreTold) {
  const auto result = launch({"-n", "3"},
                             "echo $HEADRACE_RANK $HEADRACE_WORLD_SIZE $HEADRACE_LOCAL_RANK "
                             "$HEADRACE_LOCAL_SIZE $HEADRACE_EPOCH ${#HEADRACE_SECRET}; "
                             "echo problem >&2");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(lines(result.out),
              UnorderedElementsAre("[0] 0 3 0 3 0 64", "[1] 1 3 1 3 0 64", "[2] 2 3 2 3 0 64"));
  EXPECT_THAT(lines(result.err), UnorderedElementsAre("[0] problem", "[1] problem", "[2] problem"));
}

TEST_F(Launches, OneStoreAndSecretForAll) {
  const auto result =
      launch({"-n", "2", "--no-prefix"}, "echo $HEADRACE_STORE $HEADRACE_SECRET $HEADRACE_JOB");
  const auto said = lines(result.out);
  ASSERT_EQ(said.size(), 2u);
  EXPECT_EQ(said[0], said[1]);
  EXPECT_THAT(said[0], ::testing::StartsWith("tcp:127.0.0.1:"));
  EXPECT_NE(lines(launch({"-n", "2", "--no-prefix"},
                         "echo $HEADRACE_STORE $HEADRACE_SECRET "
                         "$HEADRACE_JOB")
                      .out),
            said);
}

TEST_F(Launches, TheFirstFailureEndsAll) {
  const auto start = steady_clock::now();
  const auto result = launch({"-n", "3"},
                             "echo $$ >pid.$HEADRACE_RANK; [ $HEADRACE_RANK = 1 ] && sleep 0.3 && "
                             "exit 7; exec sleep 100");
  EXPECT_EQ(result.exit_code, 7) << result.err;
  EXPECT_THAT(result.err, HasSubstr("rank 1 exited with status 7; stopping the others"));
  EXPECT_LT(seconds_since(start), 30);
  expect_none_left(3);
}

TEST_F(Launches, ASignalIsAFailureToo) {
  const auto result = launch({"-n", "2"}, "[ $HEADRACE_RANK = 0 ] && kill -9 $$; exec sleep 100");
  EXPECT_EQ(result.exit_code, 128 + SIGKILL);
  EXPECT_THAT(result.err, HasSubstr("rank 0 was killed by signal 9"));
}

TEST_F(Launches, WhoDoesNotListenIsKilled) {
  const auto start = steady_clock::now();
  const auto result = launch({"-n", "2", "--grace", "0.3"},
                             "trap '' TERM; echo $$ >pid.$HEADRACE_RANK; sleep 0.2; "
                             "[ $HEADRACE_RANK = 0 ] && exit 1; while :; do sleep 1; done");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("killing them"));
  EXPECT_LT(seconds_since(start), 30);
  expect_none_left(2);
}

// What ranks have started, in their own group or out of it, ends with them.
TEST_F(Launches, NothingIsLeft) {
  const auto result = launch({"-n", "2"},
                             "sleep 1000 & echo $! >pid.a$HEADRACE_RANK; "
                             "setsid sh -c 'echo $$ >pid.b'$HEADRACE_RANK'; exec sleep 1000' & "
                             "while [ ! -s pid.b$HEADRACE_RANK ]; do sleep 0.01; done");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  expect_none_left(4);
}

// A shell that becomes the launcher by exec leaves it its children.
TEST_F(Launches, WhatWasThereBeforeIsSpared) {
  const auto result = launch(
      {"-n", "1"}, fmt::format("sh -c 'sleep 1000 & echo $! >other; exec {} launch -n 1 -- true'; "
                               "kill -0 $(cat other) && echo spared",
                               testing::headrace_command()));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(lines(result.out), UnorderedElementsAre("[0] spared"));
}

TEST_F(Launches, RanksDieWithTheLauncher) {
  Process launcher(arguments({"-n", "2"}, "echo $$ >pid.$HEADRACE_RANK; exec sleep 1000"),
                   folder_.path());
  ids(2);
  launcher.send(SIGKILL);
  launcher.wait();
  expect_none_left(2);
}

TEST_F(Launches, SignalsArePassedOn) {
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    Process launcher(arguments({"-n", "2"},
                               "trap 'echo asked; exit 3' TERM INT HUP; "
                               "echo $$ >pid.$HEADRACE_RANK; while :; do sleep 0.05; done"),
                     folder_.path());
    ids(2);
    launcher.send(number);
    const auto result = launcher.wait();
    EXPECT_EQ(result.exit_code, 3) << result.err;
    EXPECT_THAT(lines(result.out), UnorderedElementsAre("[0] asked", "[1] asked"));
    for (const auto& name : folder_.names()) std::filesystem::remove(folder_ / name);
  }
}

TEST_F(Launches, TheSecondSignalKills) {
  Process launcher(
      arguments({"-n", "2"}, "trap '' INT; echo $$ >pid.$HEADRACE_RANK; while :; do sleep 1; done"),
      folder_.path());
  ids(2);
  launcher.send(SIGINT);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_TRUE(launcher.running());
  launcher.send(SIGINT);
  EXPECT_EQ(launcher.wait().exit_code, 128 + SIGKILL);
  expect_none_left(2);
}

TEST_F(Launches, RestartsAllTogether) {
  const std::string script =
      "echo epoch $HEADRACE_EPOCH; echo $$ >pid.$HEADRACE_RANK.$HEADRACE_EPOCH; "
      "[ $HEADRACE_EPOCH = 2 ] && exit 0; [ $HEADRACE_RANK = 1 ] && exit 9; exec sleep 100";
  auto result = launch({"-n", "2", "--max-restarts", "3"}, script);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("restart 2 of 3"));
  for (const char* line : {"[0] epoch 2", "[1] epoch 0", "[1] epoch 1", "[1] epoch 2"}) {
    EXPECT_THAT(result.out, HasSubstr(line));
  }
  result = launch({"-n", "2", "--max-restarts", "1"}, script);
  EXPECT_EQ(result.exit_code, 9);
  EXPECT_THAT(result.err, HasSubstr("failed after 1 restarts"));
}

// A job that was told to stop is not started again.
TEST_F(Launches, NoRestartAfterASignal) {
  Process launcher(
      arguments({"-n", "2", "--max-restarts", "5"}, "echo $$ >pid.$HEADRACE_RANK; exec sleep 100"),
      folder_.path());
  ids(2);
  launcher.send(SIGTERM);
  const auto result = launcher.wait();
  EXPECT_EQ(result.exit_code, 128 + SIGTERM);
  EXPECT_EQ(result.err.find("restart"), result.err.npos);
}

TEST_F(Launches, LinesDoNotMix) {
  const auto result = launch({"-n", "4"},
                             "i=0; while [ $i -lt 500 ]; do echo line $i of rank $HEADRACE_RANK; "
                             "i=$((i+1)); done; printf 'no end'");
  EXPECT_EQ(result.exit_code, 0);
  std::map<std::string, int> next;
  for (const std::string& line : lines(result.out)) {
    const std::string rank = line.substr(1, 1);
    const int number = next[rank]++;
    EXPECT_EQ(line, number < 500 ? fmt::format("[{0}] line {1} of rank {0}", rank, number)
                                 : fmt::format("[{}] no end", rank));
  }
  for (const auto& [rank, count] : next) EXPECT_EQ(count, 501) << rank;
  EXPECT_EQ(next.size(), 4u);
}

TEST_F(Launches, OtherHosts) {
  const auto result = launch({"--hosts", "localhost,far:2", "--ssh", fake_ssh(), "--address",
                              "127.0.0.1", "--env", "WORD=it's here"},
                             "echo $HEADRACE_RANK $HEADRACE_WORLD_SIZE $HEADRACE_LOCAL_RANK "
                             "$HEADRACE_LOCAL_SIZE $WORD; pwd");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const std::string here = folder_.path().string();
  EXPECT_THAT(
      lines(result.out),
      UnorderedElementsAre("[0] 0 3 0 1 it's here", "[1] 1 3 0 2 it's here",
                           "[2] 2 3 1 2 it's here", "[0] " + here, "[1] " + here, "[2] " + here));
}

TEST_F(Launches, RanksLearnTheirAddressWhereThereAreSeveralHosts) {
  auto result = launch({"--hosts", "localhost,far", "--ssh", fake_ssh(), "--address", "127.0.0.1"},
                       "echo $HEADRACE_ADDRESS");
  EXPECT_THAT(lines(result.out), UnorderedElementsAre("[0] 127.0.0.1", "[1] 127.0.0.1"));
  result = launch({"-n", "1"}, "echo address $HEADRACE_ADDRESS");
  EXPECT_THAT(lines(result.out), UnorderedElementsAre("[0] address"));
}

TEST_F(Launches, FailuresOnOtherHosts) {
  const auto result =
      launch({"--hosts", "localhost,far:2", "--ssh", fake_ssh(), "--address", "127.0.0.1"},
             "echo $$ >pid.$HEADRACE_RANK; [ $HEADRACE_RANK = 2 ] && sleep 0.3 && "
             "exit 6; exec sleep 100");
  EXPECT_EQ(result.exit_code, 6) << result.err;
  EXPECT_THAT(result.err, HasSubstr("rank 2"));
  expect_none_left(3);
}

TEST_F(Launches, OtherHostsLearnOfTheEnd) {
  for (const int number : {SIGTERM, SIGKILL}) {
    Process launcher(
        arguments({"--hosts", "near,far", "--ssh", fake_ssh(), "--address", "127.0.0.1"},
                  "echo $$ >pid.$HEADRACE_RANK; exec sleep 1000"),
        folder_.path());
    ids(2);
    launcher.send(number);
    launcher.wait();
    expect_none_left(2);
    for (const auto& name : folder_.names()) std::filesystem::remove(folder_ / name);
  }
}

TEST_F(Launches, SecretsAreInNoCommandLine) {
  Process launcher(arguments({"--hosts", "far", "--ssh", fake_ssh(), "--address", "127.0.0.1"},
                             "echo $HEADRACE_SECRET >secret; echo $$ >pid.0; exec sleep 1000"),
                   folder_.path());
  ids(1);
  std::string secret = testing::read_file(folder_ / "secret");
  secret.pop_back();
  ASSERT_EQ(secret.size(), 64u);
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string line = read_proc(entry.path() / "cmdline");
    EXPECT_EQ(line.find(secret), line.npos) << entry.path();
  }
  launcher.send(SIGTERM);
  launcher.wait();
}

// Two ranks of this build find each other, measure, and the table they write is one that groups
// read.
TEST_F(Launches, RanksTuneTogether) {
  for (const char* transport : {"tcp", "shm"}) {
    const auto result =
        testing::headrace({"launch", "-n", "3", "--", testing::headrace_command(), "tune",
                           "--transport", transport, "--name", "here", "--output", "costs.json"},
                          folder_.path());
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.err, HasSubstr("rank 2 of 3, local rank 2 of 3, by headrace launch"));
    const auto table = comm::read_table((folder_ / "costs.json").string());
    EXPECT_EQ(table.name, "here");
    EXPECT_EQ(table.within, table.between);
    EXPECT_GT(table.within.alpha, 0);
    EXPECT_LT(table.within.alpha, 0.1);
    EXPECT_GT(table.within.gamma, 0);
  }
  EXPECT_THAT(testing::headrace({"tune"}).err, HasSubstr("headrace launch -n 2"));
}

TEST_F(Launches, Mistakes) {
  const auto expect = [&](const std::vector<std::string>& args, int code, const char* part) {
    const auto result = testing::headrace(args, folder_.path());
    EXPECT_EQ(result.exit_code, code) << result.err;
    EXPECT_THAT(result.err, HasSubstr(part));
  };
  expect({"launch", "-n", "2"}, 2, "what to start?");
  expect({"launch", "--", "true"}, 2, "how many ranks?");
  expect({"launch", "-n", "0", "--", "true"}, 2, "--ranks");
  expect({"launch", "-n", "3", "--hosts", "a:2", "--", "true"}, 2, "the hosts have 2 slots");
  expect({"launch", "-n", "3", "--hosts", "localhost:2147483647,localhost:5", "--grace", "1e10",
          "--", "true"},
         2, "ten years");
  expect({"tune", "--timeout", "1e10"}, 2, "ten years");
  expect({"run", "net.pbtxt", "--comm-timeout", "1e10"}, 2, "ten years");
  expect({"launch", "-n", "1", "--grace", "nan", "--", "true"}, 2, "ten years");
  expect({"launch", "--hosts", "localhost:2147483647,localhost:5", "--", "true"}, 2,
         "2147483652 slots");
  expect({"launch", "--hosts", "a:x", "--", "true"}, 2, "number of slots");
  expect({"launch", "--hosts", "a,,b", "--", "true"}, 2, "a host has no name");
  expect({"launch", "--hosts", "-oProxyCommand=x", "--", "true"}, 2, "a host has no name");
  expect({"launch", "-n", "1", "--env", "NO_SUCH_NAME", "--", "true"}, 2, "not set here");
  expect({"launch", "-n", "2", "--", "no-such-program"}, 1, "cannot start rank 0");
}

TEST(LaunchPlans, Hosts) {
  const auto places = tools::parse_hosts("a,b:3,[fe80::1]:2,[::1]");
  ASSERT_EQ(places.size(), 4u);
  EXPECT_EQ(places[0].host, "a");
  EXPECT_EQ(places[0].slots, 1);
  EXPECT_EQ(places[1].slots, 3);
  EXPECT_EQ(places[2].host, "fe80::1");
  EXPECT_EQ(places[2].slots, 2);
  EXPECT_EQ(places[3].host, "::1");
  const auto filled = tools::fill(places, 3);
  ASSERT_EQ(filled.size(), 2u);
  EXPECT_EQ(filled[1].slots, 2);
  const auto huge = tools::fill(tools::parse_hosts("a:2147483647,b:5"), 2);
  ASSERT_EQ(huge.size(), 1u);
  EXPECT_EQ(huge[0].slots, 2);
}

TEST(LaunchPlans, SharesSurviveTheWire) {
  const tools::Share share{.first_rank = 3,
                           .count = 2,
                           .environment = {{"A", "it's \"quoted\"\n"}, {"B", ""}},
                           .folder = "/a b",
                           .command = {"sh", "-c", "echo 'x'"},
                           .grace = 0.25,
                           .prefix = false};
  const auto read = tools::share_from_json(tools::to_json(share));
  EXPECT_EQ(read.first_rank, 3);
  EXPECT_EQ(read.count, 2);
  EXPECT_EQ(read.environment, share.environment);
  EXPECT_EQ(read.folder, share.folder);
  EXPECT_EQ(read.command, share.command);
  EXPECT_EQ(read.grace, 0.25);
  EXPECT_FALSE(read.prefix);
  EXPECT_EQ(read.of_rank(1).at("HEADRACE_RANK"), "4");
}

// However the bytes come, lines come out whole; empty ones too.
TEST(LinePrefixers, AnyCut) {
  const std::string text = "one\n\ntwo words\nthree";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    char* bytes = nullptr;
    size_t size = 0;
    std::FILE* file = open_memstream(&bytes, &size);
    tools::LinePrefixer prefixer(file, "> ");
    prefixer.write(std::string_view(text).substr(0, cut));
    prefixer.write(std::string_view(text).substr(cut));
    prefixer.finish();
    std::fclose(file);
    EXPECT_EQ(std::string(bytes, size), "> one\n> \n> two words\n> three\n");
    std::free(bytes);
  }
}

}  // namespace
}  // namespace headrace
