// headrace train as ranks that are killed and whose disks fill up: what the others say, that
// headrace launch starts them again, and that nobody can tell from the results.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "comm/cost.h"
#include "tests/support/eventually.h"
#include "tests/support/temp_folder.h"
#include "tests/tools/process.h"
#include "tests/tools/small_data.h"
#include "tests/tools/train_results.h"

namespace headrace {
namespace {

using std::chrono::steady_clock;
using testing::eventually;
using testing::expect_same;
using ::testing::HasSubstr;
using testing::measured;
using ::testing::Not;
using testing::Process;
using testing::ProcessResult;
using testing::read_file;
using testing::TempFolder;
using testing::write_file;

/// 12 iterations in 2 epochs, and a checkpoint after each.
class TrainFaults : public ::testing::Test {
 protected:
  TrainFaults() { testing::write_small_data(folder_ / "data", 96, 21); }

  std::filesystem::path at(const std::string& name) const { return folder_ / name; }

  /// headrace launch of a training job whose ranks write their process ids. `before` is what each
  /// rank's shell does first.
  std::vector<std::string> arguments(const std::string& out,
                                     const std::vector<std::string>& launch = {},
                                     const std::vector<std::string>& train = {},
                                     const std::string& before = "") const {
    std::vector<std::string> all = {"launch", "-n", std::to_string(ranks_)};
    all.insert(all.end(), launch.begin(), launch.end());
    all.insert(all.end(), {"--", "sh", "-c",
                           before + " echo $$ >" + out +
                               ".pid.$HEADRACE_RANK.$HEADRACE_EPOCH; exec \"$0\" \"$@\"",
                           testing::headrace_command()});
    all.insert(all.end(),
               {"train", "resnet8", "--data", "fashion-mnist:" + at("data").string(), "--batch",
                "16", "--epochs", epochs_, "--learning-rate", "0.5", "--threads", "1",
                "--log-every", "1", "--checkpoint-every", "1", "--output", out});
    all.insert(all.end(), train.begin(), train.end());
    return all;
  }

  ProcessResult train(const std::string& out, const std::vector<std::string>& launch = {},
                      const std::vector<std::string>& train = {},
                      const std::string& before = "") const {
    return Process(arguments(out, launch, train, before), folder_.path(), environment_)
        .wait(kLimit);
  }

  /// The process of a rank, as soon as it was started.
  pid_t process_of(const std::string& out, int rank, int epoch, Process& launcher) const {
    pid_t id = 0;
    const auto path = at(fmt::format("{}.pid.{}.{}", out, rank, epoch));
    EXPECT_TRUE(eventually(
        [&] { return !launcher.running() || static_cast<bool>(std::ifstream(path) >> id); }));
    return id;
  }

  /// Kills a rank, if it is still there: its number may be another's by now.
  static bool kill_rank(pid_t id, const std::string& out) {
    if (id <= 0) return false;
    std::ifstream file(fmt::format("/proc/{}/cmdline", id));
    const std::string command((std::istreambuf_iterator<char>(file)), {});
    return command.find(out) != command.npos && kill(id, SIGKILL) == 0;
  }

  void expect_same_results(const std::string& a, const std::string& b) const {
    for (const char* name : {"checkpoint", "checkpoint-rank1", "best", "best-rank1"}) {
      const std::string file = fmt::format("{}.safetensors", name);
      expect_same(at(a) / file, at(b) / file);
    }
    EXPECT_TRUE(read_file(at(a) / "resnet8_trained_init_net.pb") ==
                read_file(at(b) / "resnet8_trained_init_net.pb"));
    EXPECT_EQ(measured(at(a) / "log.jsonl"), measured(at(b) / "log.jsonl"));
    expect_no_leftovers(b);
  }

  void expect_no_leftovers(const std::string& out) const {
    for (const auto& entry : std::filesystem::directory_iterator(at(out))) {
      const std::string name = entry.path().filename().string();
      EXPECT_THAT(name, Not(HasSubstr("previous")));
      EXPECT_THAT(name, Not(HasSubstr(".tmp")));
    }
  }

  static constexpr std::chrono::seconds kLimit{300};
  TempFolder folder_;
  int ranks_ = 2;
  std::string epochs_ = "2";
  std::vector<std::string> environment_;
};

// Wherever it hits them: before they are connected, in a step, while they write.
TEST_F(TrainFaults, KilledRanksAreStartedAgainAndTheResultsAreTheSame) {
  const auto start = steady_clock::now();
  const ProcessResult whole = train("whole");
  ASSERT_EQ(whole.exit_code, 0) << whole.err;
  const std::chrono::duration<double> took = steady_clock::now() - start;
  std::mt19937 random(1);
  for (int round = 0; round < 3; ++round) {
    const std::string out = fmt::format("killed{}", round);
    Process launcher(arguments(out, {"--max-restarts", "2"}), folder_.path());
    int kills = 0;
    for (int epoch = 0; epoch < 2; ++epoch) {
      const int rank = static_cast<int>(random() % 2);
      const pid_t id = process_of(out, rank, epoch, launcher);
      std::this_thread::sleep_for(took * std::uniform_real_distribution(0.0, 0.9)(random));
      if (launcher.running() && kill_rank(id, out)) ++kills;
    }
    const ProcessResult result = launcher.wait(kLimit);
    ASSERT_EQ(result.exit_code, 0) << result.err;
    if (result.err.find("was killed by signal 9") != result.err.npos) {
      EXPECT_GT(kills, 0);
      EXPECT_THAT(result.err, HasSubstr("restart 1 of 2"));
    }
    expect_same_results("whole", out);
  }
}

/// Of which iteration a rank has a checkpoint, by what it said when it failed.
int last_checkpoint(const std::string& said, int rank) {
  const std::string begin = fmt::format("[{}] the checkpoint of iteration ", rank);
  const size_t found = said.find(begin);
  EXPECT_NE(found, said.npos) << said;
  return found == said.npos ? -1 : std::stoi(said.substr(found + begin.size()));
}

// The disk is full for rank 1, between its first checkpoint and its last.
TEST_F(TrainFaults, ARankThatCannotWriteEndsAllAndTheyGoOnWithWhatTheyHaveInCommon) {
  epochs_ = "6";
  ASSERT_EQ(train("whole").exit_code, 0);
  for (const bool by_itself : {true, false}) {
    const std::string out = by_itself ? "restarted" : "resumed";
    Process launcher(arguments(out, {"--max-restarts", by_itself ? "1" : "0"}), folder_.path());
    const pid_t id = process_of(out, 1, 0, launcher);
    const auto checkpoint = at(out) / "checkpoint-rank1.safetensors";
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(checkpoint); }));
    const rlimit limit{.rlim_cur = 100 << 10, .rlim_max = 100 << 10};
    ASSERT_EQ(prlimit(id, RLIMIT_FSIZE, &limit, nullptr), 0);
    const ProcessResult failed = launcher.wait(kLimit);
    for (const char* part : {"[1] error: I/O error: cannot write",
                             "checkpoint-rank1.safetensors': File too large; nothing was "
                             "changed: make room and save again",
                             "rank 1 aborted: I/O error: cannot write"}) {
      EXPECT_THAT(failed.err, HasSubstr(part));
    }
    ProcessResult result = failed;
    if (!by_itself) {
      EXPECT_EQ(failed.exit_code, 1);
      result = train(out, {}, {"--resume"});
    }
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.err, HasSubstr(by_itself ? "restart 1: goes on" : "goes on"));
    // Rank 0 may have been done with the checkpoint that rank 1 could not write.
    const bool goes_back = last_checkpoint(failed.err, 0) > last_checkpoint(failed.err, 1);
    const auto message = HasSubstr("with the last checkpoint that all ranks have: rank 1 has not");
    EXPECT_THAT(result.err, goes_back ? ::testing::Matcher<std::string>(message) : Not(message));
    expect_same_results("whole", out);
  }
}

// Rank 0 alone had written one: nothing is lost by beginning anew.
TEST_F(TrainFaults, ARestartBeforeTheFirstCheckpointIsCompleteBeginsAnew) {
  ASSERT_EQ(train("whole").exit_code, 0);
  const ProcessResult result = train("anew", {"--max-restarts", "1"}, {},
                                     "[ $HEADRACE_RANK$HEADRACE_EPOCH = 10 ] && ulimit -f 100;");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("restart 1: begins anew, because there is no checkpoint yet"));
  expect_same_results("whole", "anew");
}

// The folder holds a job of an earlier launch: a restart does not make it this one's.
TEST_F(TrainFaults, ARestartGoesOnOnlyWithWhatItsLaunchHasWritten) {
  ASSERT_EQ(train("out").exit_code, 0);
  const std::string before = read_file(at("out") / "checkpoint.safetensors");
  const ProcessResult result = train("out", {"--max-restarts", "1"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("restart 1 of 1"));
  EXPECT_THAT(result.err, HasSubstr("--resume goes on with it, --overwrite begins anew"));
  EXPECT_TRUE(read_file(at("out") / "checkpoint.safetensors") == before);
}

TEST_F(TrainFaults, FilesThatAreMissingOrDamagedAreNamed) {
  ASSERT_EQ(train("out").exit_code, 0);
  const auto file = at("out") / "checkpoint-rank1.safetensors";
  const std::string whole = read_file(file);
  write_file(file, whole.substr(0, whole.size() - 1));
  ProcessResult result = train("out", {}, {"--resume"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err,
              HasSubstr("[1] error: corrupt data: 'out/checkpoint-rank1.safetensors' is no whole"));
  EXPECT_THAT(result.err,
              HasSubstr("rank 1 aborted: corrupt data: 'out/checkpoint-rank1.safetensors'"));
  std::filesystem::remove(file);
  result = train("out", {}, {"--resume"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("nothing that all ranks could resume: rank 1 has not the "
                                    "checkpoint of iteration 12 with 2 epochs"));
  EXPECT_THAT(result.err, HasSubstr("'out/checkpoint-rank1.safetensors' does not exist"));
  result = train("none", {}, {"--resume"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("nothing to resume: 'none/checkpoint"));
}

TEST_F(TrainFaults, SeedsAreTrainedByAllRanksAndGoOnToo) {
  const ProcessResult one = train("one", {}, {"--seed", "4"});
  ASSERT_EQ(one.exit_code, 0) << one.err;
  Process launcher(arguments("many", {"--max-restarts", "1", "--no-prefix"},
                             {"--seed", "3", "--seeds", "3", "--json"}),
                   folder_.path());
  const pid_t id = process_of("many", 1, 0, launcher);
  ASSERT_TRUE(eventually([&] { return exists(at("many") / "seed-4/checkpoint.safetensors"); }));
  EXPECT_TRUE(kill_rank(id, "many"));
  const ProcessResult many = launcher.wait(kLimit);
  ASSERT_EQ(many.exit_code, 0) << many.err;
  const auto report = nlohmann::json::parse(many.out);
  ASSERT_EQ(report["seeds"].size(), 3u);
  EXPECT_EQ(report["seeds"][1]["seed"], 4);
  EXPECT_EQ(report["median_of_epochs"], 2);
  for (const char* file : {"checkpoint.safetensors", "checkpoint-rank1.safetensors"}) {
    expect_same(at("one") / file, at("many") / "seed-4" / file);
  }
}

// The same algorithms, chosen by the same table, add up in the same order.
TEST_F(TrainFaults, SharedMemoryAndTcpGiveTheSame) {
  comm::write_table(at("costs.json"), comm::built_in_table("shm"));
  environment_ = {"HEADRACE_COSTS=" + at("costs.json").string()};
  for (const int ranks : {2, 4}) {
    ranks_ = ranks;
    const std::string number = std::to_string(ranks);
    const ProcessResult shm = train("shm" + number);
    EXPECT_THAT(shm.err, HasSubstr("connected by shm (all are on this host)"));
    const ProcessResult tcp = train("tcp" + number, {}, {"--transport", "tcp"});
    EXPECT_THAT(tcp.err, HasSubstr("connected by tcp (--transport)"));
    expect_same_results("shm" + number, "tcp" + number);
  }
}

}  // namespace
}  // namespace headrace
