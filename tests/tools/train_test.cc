// headrace train as a process: what it leaves behind, that it goes on bit for bit after whatever
// ended it, and that nothing half-done replaces what was good.
#include <algorithm>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/temp_folder.h"
#include "tests/tools/process.h"
#include "tests/tools/small_data.h"
#include "tests/tools/train_results.h"

namespace headrace {
namespace {

using nlohmann::json;
using testing::expect_same;
using testing::headrace;
using testing::lines_of;
using testing::measured;
using testing::Process;
using testing::ProcessResult;
using testing::read_file;
using testing::TempFolder;
using testing::write_file;

/// 200 training images in batches of 16: an epoch does not end with a batch.
class Train : public ::testing::Test {
 protected:
  void SetUp() override { testing::write_small_data(data()); }

  std::string data() const { return (folder_ / "data").string(); }
  std::filesystem::path out(const std::string& name) const { return folder_ / name; }

  std::vector<std::string> args(const std::string& name, std::vector<std::string> more = {}) const {
    std::vector<std::string> all = {"train",
                                    "resnet8",
                                    "--data",
                                    "fashion-mnist:" + data(),
                                    "--epochs",
                                    "2",
                                    "--batch",
                                    "16",
                                    "--shift",
                                    "1",
                                    "--flip",
                                    "--log-every",
                                    std::to_string(log_every_),
                                    "--threads",
                                    "2",
                                    "-o",
                                    out(name).string()};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  /// Trains without interruption.
  void train(const std::string& name) {
    const ProcessResult result = headrace(args(name));
    ASSERT_EQ(result.exit_code, 0) << result.err;
  }

  /// Waits until a training job has completed so many iterations.
  void wait_for_iteration(Process& process, const std::string& name, int64_t iteration) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(50);
    const auto log = out(name) / "log.jsonl";
    const std::string wanted = fmt::format("\"iteration\":{},", iteration);
    while (process.running() && std::chrono::steady_clock::now() < end) {
      if (std::filesystem::exists(log) && read_file(log).find(wanted) != std::string::npos) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    FAIL() << "never came to iteration " << iteration << ":\n" << process.err();
  }

  TempFolder folder_;
  int log_every_ = 1;
};

TEST_F(Train, LeavesNetsParametersCheckpointsAndALog) {
  const ProcessResult result = headrace(args("a", {"--json", "--trace", out("t.json").string()}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json report = json::parse(result.out);
  for (const char* file :
       {"resnet8_init_net.pbtxt", "resnet8_train_net.pbtxt", "resnet8_predict_net.pbtxt",
        "resnet8_trained_init_net.pb", "resnet8_trained_predict_net.pbtxt",
        "checkpoint.safetensors", "best.safetensors", "log.jsonl"}) {
    EXPECT_TRUE(std::filesystem::exists(out("a") / file)) << file;
  }
  const auto log = lines_of(out("a") / "log.jsonl");
  EXPECT_EQ(log.front()["event"], "start");
  EXPECT_EQ(log[log.size() - 2]["event"], "end");
  EXPECT_EQ(log.back()["event"], "timeline");
  EXPECT_EQ(report["iteration"], 25);  // 2 * 200 / 16
  EXPECT_EQ(std::ranges::count_if(log, [](const json& l) { return l["event"] == "step"; }), 25);
  EXPECT_EQ(std::ranges::count_if(log, [](const json& l) { return l["event"] == "epoch"; }), 2);
  EXPECT_GT(json::parse(read_file(out("t.json")))["traceEvents"].size(), 100u);

  // The saved net is as good as training said.
  const ProcessResult eval =
      headrace({"eval", report["predict_net"], "--init", report["weights"], "--data",
                "fashion-mnist:" + data(), "--batch", "16", "--threads", "2", "--json"});
  ASSERT_EQ(eval.exit_code, 0) << eval.err;
  const json measured = json::parse(eval.out);
  EXPECT_EQ(measured["samples"], 70);
  EXPECT_EQ(measured["accuracy"], report["test_accuracy"]);
  EXPECT_EQ(measured["loss"], report["test_loss"]);
}

TEST_F(Train, IsReproducible) {
  train("a");
  train("b");
  expect_same(out("a") / "checkpoint.safetensors", out("b") / "checkpoint.safetensors");
  EXPECT_TRUE(read_file(out("a") / "resnet8_trained_init_net.pb") ==
              read_file(out("b") / "resnet8_trained_init_net.pb"));
}

// 25 iterations in runs of four, none across the end of an epoch (behind the 13th) or a checkpoint.
TEST_F(Train, IterationsInOneRunAreTheSameIterations) {
  train("a");
  const ProcessResult result = headrace(args("b", {"--unroll", "4", "--checkpoint-every", "6"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  expect_same(out("a") / "checkpoint.safetensors", out("b") / "checkpoint.safetensors");
  EXPECT_EQ(measured(out("a") / "log.jsonl"), measured(out("b") / "log.jsonl"));
}

TEST_F(Train, RefusesToUnrollWhatIsNeverOneRun) {
  const auto error_of = [&](std::vector<std::string> more) {
    const ProcessResult result = headrace(args("a", std::move(more)));
    EXPECT_EQ(result.exit_code, 2);
    return result.err;
  };
  EXPECT_NE(
      error_of({"--unroll", "4", "--accumulate", "2"}).find("leave out --unroll or --accumulate"),
      std::string::npos);
  EXPECT_NE(error_of({"--unroll", "4", "--checkpoint-every", "3"}).find("checkpoint every 3"),
            std::string::npos);
  EXPECT_NE(error_of({"--unroll", "14"}).find("an epoch has at most 13"), std::string::npos);
}

TEST_F(Train, GoesOnBitForBitAfterCtrlC) {
  train("straight");
  for (const int64_t at : {3, 12, 13, 20}) {  // the first epoch ends with iteration 13
    const std::string name = "stopped" + std::to_string(at);
    Process process(args(name));
    wait_for_iteration(process, name, at);
    process.send(SIGINT);
    const ProcessResult stopped = process.wait();
    if (stopped.exit_code == 0) continue;  // it was faster than the signal
    ASSERT_EQ(stopped.exit_code, 3) << stopped.err;
    EXPECT_NE(stopped.err.find("--resume goes on"), std::string::npos) << stopped.err;
    const ProcessResult resumed = headrace(args(name, {"--resume"}));
    ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
    expect_same(out("straight") / "checkpoint.safetensors", out(name) / "checkpoint.safetensors");
    EXPECT_TRUE(read_file(out("straight") / "resnet8_trained_init_net.pb") ==
                read_file(out(name) / "resnet8_trained_init_net.pb"));
    EXPECT_EQ(measured(out("straight") / "log.jsonl"), measured(out(name) / "log.jsonl"));
  }
}

TEST_F(Train, GoesOnBitForBitAfterBeingKilled) {
  log_every_ = 6;  // its checkpoints are amid what a line of the log is the mean of
  train("straight");
  Process process(args("killed", {"--checkpoint-every", "4"}));
  wait_for_iteration(process, "killed", 18);
  process.send(SIGKILL);
  const ProcessResult killed = process.wait();
  const ProcessResult resumed = headrace(args("killed", {"--checkpoint-every", "4", "--resume"}));
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(killed.signal, SIGKILL);
  expect_same(out("straight") / "checkpoint.safetensors", out("killed") / "checkpoint.safetensors");
  EXPECT_TRUE(read_file(out("straight") / "resnet8_trained_init_net.pb") ==
              read_file(out("killed") / "resnet8_trained_init_net.pb"));
  EXPECT_EQ(measured(out("straight") / "log.jsonl").size(), 4u + 2u);
  EXPECT_EQ(measured(out("straight") / "log.jsonl"), measured(out("killed") / "log.jsonl"));
  // Its log is whole lines, and says that it was resumed.
  const auto log = lines_of(out("killed") / "log.jsonl");
  EXPECT_EQ(std::ranges::count_if(log, [](const json& l) { return l["event"] == "resume"; }), 1);
}

TEST_F(Train, ResumesOnlyWhatItIs) {
  const auto expect_failure = [&](const std::vector<std::string>& command,
                                  const std::string& message) {
    const ProcessResult result = headrace(command);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_NE(result.err.find(message), std::string::npos) << message << " not in " << result.err;
  };
  expect_failure(args("none", {"--resume"}), "nothing to resume");
  train("a");
  expect_failure(args("a"), "--resume goes on with it, --overwrite begins anew");
  expect_failure(args("a", {"--resume", "--seed", "2"}), "seed: 1, now 2");
  const ProcessResult allowed = headrace(args("a", {"--resume", "--seed", "2", "--allow-changes"}));
  EXPECT_EQ(allowed.exit_code, 0) << allowed.err;

  const std::string whole = read_file(out("a") / "checkpoint.safetensors");
  write_file(out("a") / "checkpoint.safetensors", whole.substr(0, whole.size() / 2));
  expect_failure(args("a", {"--resume"}), "no whole safetensors file");
}

TEST_F(Train, ALossThatIsNoNumberStopsItAndTheCheckpointStays) {
  train("a");
  const std::string before = read_file(out("a") / "resnet8_trained_init_net.pb");
  const ProcessResult result = headrace(args("b", {"--learning-rate", "1e18", "--warmup", "none"}));
  EXPECT_EQ(result.exit_code, 1);
  for (const char* part :
       {"the loss is nan", "with 'loss' float32 ()", "because: state '", "a lower learning rate"}) {
    EXPECT_NE(result.err.find(part), std::string::npos) << part << " not in " << result.err;
  }
  EXPECT_FALSE(std::filesystem::exists(out("b") / "resnet8_trained_init_net.pb"));
  EXPECT_FALSE(std::filesystem::exists(out("b") / "checkpoint.safetensors"));
  const auto log = lines_of(out("b") / "log.jsonl");
  EXPECT_EQ(log.back()["event"], "error");
  EXPECT_TRUE(read_file(out("a") / "resnet8_trained_init_net.pb") == before);
}

TEST_F(Train, NamesBadLabelsAndTruncatedData) {
  const auto labels = folder_ / "data/train-labels-idx1-ubyte";
  const std::string whole = read_file(labels);
  write_file(labels, whole.substr(0, whole.size() - 1));
  ProcessResult result = headrace(args("a"));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("truncated"), std::string::npos) << result.err;
  std::string wrong = whole;
  wrong.back() = 10;
  write_file(labels, wrong);
  result = headrace(args("a"));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("label 10 for image 199"), std::string::npos) << result.err;
  EXPECT_FALSE(std::filesystem::exists(out("a")));
}

TEST_F(Train, RefusesBatchesLargerThanTheData) {
  const ProcessResult result = headrace({"train", "resnet8", "--data", "fashion-mnist:" + data(),
                                         "--batch", "201", "-o", out("a").string()});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.err.find("--batch: 201 is more than the 200 training images"), std::string::npos)
      << result.err;
}

TEST_F(Train, AFullDiskLeavesTheLastCheckpoint) {
  train("straight");
  Process stopping(args("full", {"--checkpoint-every", "4"}));
  wait_for_iteration(stopping, "full", 9);
  stopping.send(SIGKILL);
  stopping.wait();
  // No file may grow beyond 100 KiB; a checkpoint takes more than six times that.
  const std::string before = read_file(out("full") / "checkpoint.safetensors");
  std::string line = "ulimit -f 100; exec " + testing::headrace_command();
  for (const std::string& arg : args("full", {"--checkpoint-every", "4", "--resume"})) {
    line += " '" + arg + "'";
  }
  write_file(folder_ / "line", line + " 2>" + (folder_ / "err").string());
  const int status = std::system(("bash " + (folder_ / "line").string()).c_str());
  EXPECT_EQ(WEXITSTATUS(status), 1);
  const std::string err = read_file(folder_ / "err");
  EXPECT_NE(err.find("checkpoint.safetensors': File too large"), std::string::npos) << err;
  EXPECT_NE(err.find("nothing was changed: make room and save again"), std::string::npos) << err;
  EXPECT_TRUE(read_file(out("full") / "checkpoint.safetensors") == before);
  for (const auto& entry : std::filesystem::directory_iterator(out("full"))) {
    EXPECT_NE(entry.path().extension(), ".tmp") << entry.path();
  }
  const ProcessResult resumed = headrace(args("full", {"--checkpoint-every", "4", "--resume"}));
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  expect_same(out("straight") / "checkpoint.safetensors", out("full") / "checkpoint.safetensors");
}

TEST_F(Train, ReportsMeanAndDeviationOverSeeds) {
  const ProcessResult result = headrace(args("seeds", {"--seeds", "3", "--seed", "5", "--json"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json report = json::parse(result.out);
  ASSERT_EQ(report["seeds"].size(), 3u);
  std::vector<double> errors;
  for (size_t i = 0; i < 3; ++i) {
    const json& one = report["seeds"][i];
    EXPECT_EQ(one["seed"], 5 + i);
    EXPECT_TRUE(std::filesystem::exists(std::string(one["weights"])));
    // Two epochs: their median is their mean.
    const double first = one["epochs"][0]["test_accuracy"],
                 last = one["epochs"][1]["test_accuracy"];
    EXPECT_NEAR(one["median_test_error"], 1 - (first + last) / 2, 1e-12);
    errors.push_back(one["median_test_error"]);
  }
  const double mean = (errors[0] + errors[1] + errors[2]) / 3;
  double squares = 0;
  for (const double error : errors) squares += (error - mean) * (error - mean);
  EXPECT_NEAR(report["median_test_error"]["mean"], mean, 1e-12);
  EXPECT_NEAR(report["median_test_error"]["deviation"], std::sqrt(squares / 2), 1e-12);
  EXPECT_EQ(report["median_of_epochs"], 2);

  // Each is the job that a seed of its own would be, and seeds make a difference.
  ASSERT_EQ(headrace(args("six", {"--seed", "6"})).exit_code, 0);
  expect_same(out("six") / "checkpoint.safetensors",
              out("seeds") / "seed-6" / "checkpoint.safetensors");
  EXPECT_FALSE(read_file(out("seeds") / "seed-5" / "resnet8_trained_init_net.pb") ==
               read_file(out("seeds") / "seed-6" / "resnet8_trained_init_net.pb"));
}

TEST_F(Train, ResumesWithTheSeedThatWasStopped) {
  const std::vector<std::string> seeds = {"--seeds", "2"};
  EXPECT_NE(headrace(args("a", {"--seeds", "2", "--resume"})).err.find("nothing to resume"),
            std::string::npos);
  Process process(args("a", seeds));
  wait_for_iteration(process, "a/seed-2", 3);
  process.send(SIGINT);
  const ProcessResult stopped = process.wait();
  ASSERT_EQ(stopped.exit_code, 3) << stopped.err;
  EXPECT_EQ(stopped.out, "");
  const ProcessResult resumed = headrace(args("a", {"--seeds", "2", "--resume"}));
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  for (const char* part : {"seed  test error  median of the last 2 epochs", "\nmean", "\n std"}) {
    EXPECT_NE(resumed.out.find(part), std::string::npos) << resumed.out;
  }
  ASSERT_EQ(headrace(args("b", seeds)).exit_code, 0);
  for (const char* seed : {"seed-1", "seed-2"}) {
    expect_same(out("a") / seed / "checkpoint.safetensors",
                out("b") / seed / "checkpoint.safetensors");
  }
}

TEST_F(Train, TakesNetsFromFiles) {
  train("a");
  const std::string net = (out("a") / "resnet8_train_net.pbtxt").string();
  const ProcessResult result =
      headrace({"train", "--net", net, "--data", "fashion-mnist:" + data(), "--epochs", "2",
                "--shift", "1", "--flip", "--threads", "2", "-o", out("b").string()});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  expect_same(out("a") / "checkpoint.safetensors", out("b") / "checkpoint.safetensors");
  const ProcessResult mixed = headrace({"train", "--net", net, "--learning-rate", "1", "--data",
                                        "fashion-mnist:" + data(), "-o", out("c").string()});
  EXPECT_EQ(mixed.exit_code, 2);
  EXPECT_NE(mixed.err.find("no meaning with --net"), std::string::npos) << mixed.err;
}

// Two nets in a plan, which trains like the flag that made it, and runs.
TEST_F(Train, SavesMicroBatchesAsAPlan) {
  const auto timeline = out("t.json");
  const ProcessResult made = headrace(
      args("a", {"--accumulate", "4", "--trace", timeline.string(), "--trace-steps", "2"}));
  ASSERT_EQ(made.exit_code, 0) << made.err;
  const std::string plan = (out("a") / "resnet8_train_plan.pbtxt").string();
  EXPECT_FALSE(std::filesystem::exists(out("a") / "resnet8_train_net.pbtxt"));
  // Two iterations of four runs each.
  const std::string events = read_file(timeline);
  EXPECT_EQ(
      std::ranges::count(json::parse(events)["traceEvents"], true,
                         [](const json& event) {
                           return event["name"].get<std::string>().starts_with("ProfilerStep#");
                         }),
      8);
  EXPECT_NE(events.find("MomentumSGDUpdate"), events.npos);
  const std::vector<std::string> again = {
      "train",          "--net", plan,        "--data", "fashion-mnist:" + data(),
      "--epochs",       "2",     "--shift",   "1",      "--flip",
      "--log-every",    "1",     "--threads", "2",      "-o",
      out("b").string()};
  const ProcessResult trained = headrace(again);
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  expect_same(out("a") / "checkpoint.safetensors", out("b") / "checkpoint.safetensors");
  EXPECT_EQ(measured(out("a") / "log.jsonl"), measured(out("b") / "log.jsonl"));
  const ProcessResult run =
      headrace({"run", plan, "--init", (out("a") / "resnet8_init_net.pbtxt").string(), "--input",
                "data=random:4x1x28x28", "--input", "label=random:4", "--output",
                "iteration=" + out("i.npy").string(), "--iterations", "3"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_TRUE(std::filesystem::exists(out("i.npy")));
  const ProcessResult shown = headrace({"show", plan});
  EXPECT_NE(shown.out.find("accumulate: resnet8_accumulate, 3 times"), shown.out.npos);
  EXPECT_NE(shown.out.find("net 'resnet8_update': "), shown.out.npos);
}

TEST_F(Train, RefusesMicroBatchesThatDoNotDivideTheBatch) {
  const ProcessResult uneven = headrace(args("a", {"--accumulate", "3"}));
  EXPECT_EQ(uneven.exit_code, 1);
  EXPECT_NE(uneven.err.find("1 worker, 3 micro-batches each"), uneven.err.npos) << uneven.err;
  const ProcessResult none = headrace(args("a", {"--accumulate", "0"}));
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_NE(none.err.find("--accumulate: expected a whole number, at least 1"), none.err.npos);
}

TEST_F(Train, ShowsProgressOnATerminal) {
  const std::string shown = testing::headrace_on_terminal(args("a"));
  EXPECT_NE(shown.find("\r\033[K"), std::string::npos);
  EXPECT_NE(shown.find("ETA"), std::string::npos);
  const ProcessResult quiet = headrace(args("b", {"--quiet"}));
  EXPECT_EQ(quiet.err, "");
  EXPECT_NE(quiet.out.find("test accuracy"), std::string::npos);
}

}  // namespace
}  // namespace headrace
