// How often nets of a plan run. The counts of the tests with Sequence in their names are those that
// the real Caffe2 (1.8.1, workspace.RunPlan) leaves for the same plans.

#include "graph/plan_runner.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <fmt/format.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "core/proto/net.pb.h"
#include "tests/support/expect_error.h"

namespace headrace {
namespace {

using testing::expect_error;

/// Nets A, B and R add one to a, b and r; S adds one to a and says whether that makes `three`. Nets
/// x and y append a digit to `digits`. I makes `local` 10, L adds one to it, P adds it to b.
constexpr const char* kNets = R"(
  name: "test"
  network { name: "A" op { type: "Add" input: "a" input: "one" output: "a" } }
  network { name: "B" op { type: "Add" input: "b" input: "one" output: "b" } }
  network { name: "R" op { type: "Add" input: "r" input: "one" output: "r" } }
  network { name: "S" op { type: "Add" input: "a" input: "one" output: "a" }
                      op { type: "GE" input: "a" input: "three" output: "stop" } }
  network { name: "x" op { type: "Mul" input: "digits" input: "ten" output: "digits" }
                      op { type: "Add" input: "digits" input: "one" output: "digits" } }
  network { name: "y" op { type: "Mul" input: "digits" input: "ten" output: "digits" }
                      op { type: "Add" input: "digits" input: "two" output: "digits" } }
  network { name: "I" op { type: "Copy" input: "ten" output: "local" } }
  network { name: "L" op { type: "Add" input: "local" input: "one" output: "local" } }
  network { name: "P" op { type: "Add" input: "b" input: "local" output: "b" } }
)";

struct Counts {
  float a;
  float b;
  float r;
  bool operator==(const Counts&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Counts& counts) {
  return out << "a " << counts.a << ", b " << counts.b << ", r " << counts.r;
}

class PlanRunnerTest : public ::testing::Test {
 protected:
  PlanRunnerTest() {
    for (const char* name : {"a", "b", "r"}) feed(name, 0);
    feed("one", 1);
    feed("two", 2);
    feed("three", 3);
    feed("ten", 10);
  }
  void feed(const char* name, float value) {
    workspace.feed(name, Tensor::from<float>({1}, {value}));
  }
  float value(const char* name) const { return workspace.fetch(name).item<float>(); }

  PlanDef plan_of(const std::string& steps) {
    PlanDef plan;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(kNets + steps, &plan)) << steps;
    return plan;
  }
  Counts run(const std::string& steps) {
    PlanRunner(plan_of(steps), workspace, pool).run();
    return {value("a"), value("b"), value("r")};
  }

  float digits(const std::string& steps) {
    feed("digits", 0);
    run(steps);
    return value("digits");
  }

  ThreadPool pool{{.threads = 2}};
  Workspace workspace;
};

TEST_F(PlanRunnerTest, SequenceOfNetsIsRepeated) {
  EXPECT_EQ(run("execution_step { network: 'A' network: 'B' num_iter: 3 }"), (Counts{3, 3, 0}));
}

TEST_F(PlanRunnerTest, SequenceOfStepsIsRepeated) {
  EXPECT_EQ(run("execution_step { num_iter: 3 substep { network: 'A' num_iter: 2 } "
                "substep { network: 'B' } }"),
            (Counts{6, 3, 0}));
}

TEST_F(PlanRunnerTest, SequenceWithoutRoundsRunsNothing) {
  EXPECT_EQ(run("execution_step { network: 'A' num_iter: 0 }"), (Counts{0, 0, 0}));
}

TEST_F(PlanRunnerTest, SequenceEndsAtTheNetThatSaysStop) {
  EXPECT_EQ(run("execution_step { network: 'S' network: 'B' should_stop_blob: 'stop' }"),
            (Counts{3, 2, 0}));
}

TEST_F(PlanRunnerTest, SequenceOnlyOnceIsOneRound) {
  EXPECT_EQ(run("execution_step { network: 'S' network: 'B' should_stop_blob: 'stop' "
                "only_once: true }"),
            (Counts{1, 1, 0}));
}

TEST_F(PlanRunnerTest, SequenceOfAStepThatStoppedGoesOn) {
  EXPECT_EQ(run("execution_step { num_iter: 2 substep { network: 'S' network: 'B' "
                "should_stop_blob: 'stop' } substep { network: 'B' } }"),
            (Counts{4, 4, 0}));
}

TEST_F(PlanRunnerTest, SequenceOfStepsEndsAtTheStepThatSaysStop) {
  EXPECT_EQ(run("execution_step { should_stop_blob: 'stop' substep { network: 'S' } "
                "substep { network: 'B' } }"),
            (Counts{3, 2, 0}));
}

TEST_F(PlanRunnerTest, SequenceSideBySideCountsTheSame) {
  EXPECT_EQ(run("execution_step { num_iter: 3 concurrent_substeps: true "
                "substep { network: 'A' num_iter: 2 } substep { network: 'B' num_iter: 5 } }"),
            (Counts{6, 15, 0}));
}

TEST_F(PlanRunnerTest, SequenceEndsWithAReport) {
  EXPECT_EQ(run("execution_step { num_iter: 2 report_net: 'R' report_interval: 1 "
                "substep { network: 'A' num_iter: 2 } }"),
            (Counts{4, 0, 1}));
}

TEST_F(PlanRunnerTest, ReportsEachTimeTheIntervalHasPassed) {
  // As many rounds as fit into 1.5 seconds: one report on the way, one at the end.
  workspace.feed("stop", Tensor::from<bool>({1}, {false}));
  feed("three", 1e9);
  PlanRunner runner(plan_of("execution_step { network: 'S' should_stop_blob: 'stop' "
                            "report_net: 'R' report_interval: 1 }"),
                    workspace, pool);
  std::jthread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    runner.cancel();
  });
  expect_error(ErrorCode::kCancelled, [&] { runner.run(); });
  EXPECT_GE(value("r"), 1);
}

TEST_F(PlanRunnerTest, StepsSideBySideTakeTurnsAtOneNet) {
  EXPECT_EQ(run("execution_step { concurrent_substeps: true substep { network: 'A' num_iter: 50 } "
                "substep { network: 'A' num_iter: 50 } }"),
            (Counts{100, 0, 0}));
}

TEST_F(PlanRunnerTest, StepsSideBySideTakeTurnsAtABlobThatNobodyHasMadeYet) {
  // The first one gives the second one the time to run into it.
  std::mutex mutex;
  std::vector<uint64_t> versions;
  PlanRunner runner(plan_of("network { name: 'Y' op { type: 'Copy' input: 'one' output: 'y' } } "
                            "network { name: 'Z' op { type: 'Copy' input: 'one' output: 'y' } } "
                            "execution_step { concurrent_substeps: true substep { network: 'Y' } "
                            "substep { network: 'Z' } }"),
                    workspace, pool, {}, [&](Session&) {
                      {
                        const std::lock_guard lock(mutex);
                        const Slot* y = workspace.find("y");
                        versions.push_back(y == nullptr ? 0 : y->version.load());
                      }
                      std::this_thread::sleep_for(std::chrono::milliseconds(50));
                    });
  runner.run();
  EXPECT_EQ(versions, (std::vector<uint64_t>{0, 1}));
  EXPECT_EQ(value("y"), 1);
}

TEST_F(PlanRunnerTest, StepsSideBySideDoNotWaitForNamesInsideOfNets) {
  // Each net has a `t` of its own, and does not run until the other one is about to.
  std::mutex mutex;
  std::condition_variable arrival;
  int here = 0;
  PlanRunner runner(
      plan_of("network { name: 'Y' op { type: 'Copy' input: 'one' output: 't' } "
              "op { type: 'Add' input: 't' input: 'one' output: 'y' } } "
              "network { name: 'Z' op { type: 'Copy' input: 'two' output: 't' } "
              "op { type: 'Add' input: 't' input: 'one' output: 'z' } } "
              "execution_step { concurrent_substeps: true substep { network: 'Y' } "
              "substep { network: 'Z' } }"),
      workspace, pool, {}, [&](Session&) {
        std::unique_lock lock(mutex);
        ++here;
        arrival.notify_all();
        EXPECT_TRUE(arrival.wait_for(lock, std::chrono::minutes(5), [&] { return here == 2; }));
      });
  runner.run();
  EXPECT_EQ(value("y"), 2);
  EXPECT_EQ(value("z"), 3);
}

TEST_F(PlanRunnerTest, StepsSideBySideTakeTurnsAtTheBlobThatStopsThem) {
  // B runs, and looks at the blob, many times while W is at it.
  workspace.feed("stop", Tensor::from<bool>({1}, {false}));
  workspace.feed("m", Tensor({400, 400}, DType::kFloat32));
  EXPECT_EQ(run("network { name: 'W' op { type: 'Add' input: 'a' input: 'one' output: 'a' } "
                "op { type: 'GE' input: 'a' input: 'ten' output: 'stop' } "
                "op { type: 'MatMul' input: 'm' input: 'm' output: 'product' } } "
                "execution_step { concurrent_substeps: true "
                "substep { network: 'W' should_stop_blob: 'stop' } "
                "substep { network: 'B' should_stop_blob: 'stop' } }")
                .a,
            10);
  EXPECT_GE(value("b"), 1);
}

TEST_F(PlanRunnerTest, ReadersSideBySideDoNotKeepAWriterOut) {
  // There is hardly a moment when nobody reads `a`, which S has to change three times.
  workspace.feed("stop", Tensor::from<bool>({1}, {false}));
  workspace.feed("m", Tensor({200, 200}, DType::kFloat32));
  std::string nets;
  std::string readers;
  for (const char* name : {"R0", "R1", "R2"}) {
    nets += fmt::format(
        "network {{ name: '{0}' op {{ type: 'MatMul' input: 'm' input: 'm' output: 'product{0}' }} "
        "op {{ type: 'Add' input: 'a' input: 'one' output: 'sum{0}' }} }} ",
        name);
    readers += fmt::format("substep {{ network: '{}' should_stop_blob: 'stop' }} ", name);
  }
  EXPECT_EQ(run(nets + "execution_step { concurrent_substeps: true " + readers +
                "substep { network: 'S' should_stop_blob: 'stop' } }")
                .a,
            3);
}

TEST_F(PlanRunnerTest, AFailureSideBySideEndsTheOthers) {
  feed("three", 1e9);
  workspace.feed("b", Tensor::from<int32_t>({1}, {0}));
  PlanRunner runner(plan_of("execution_step { concurrent_substeps: true "
                            "substep { network: 'S' should_stop_blob: 'stop' } "
                            "substep { network: 'B' } }"),
                    workspace, pool);
  expect_error(ErrorCode::kInvalidNet, "'b'", [&] { runner.run(); });
}

TEST_F(PlanRunnerTest, ARunAfterACancelledOneIsWhole) {
  PlanRunner runner(plan_of("execution_step { network: 'A' num_iter: 2 }"), workspace, pool);
  runner.cancel();
  runner.run();
  EXPECT_EQ(value("a"), 2);
}

TEST_F(PlanRunnerTest, AStopBlobMustBeOneBool) {
  expect_error(ErrorCode::kTypeMismatch, "'one', which must be one bool",
               [&] { run("execution_step { network: 'A' should_stop_blob: 'one' }"); });
  expect_error(ErrorCode::kNotFound, "nope",
               [&] { run("execution_step { network: 'A' should_stop_blob: 'nope' }"); });
}

TEST_F(PlanRunnerTest, ListsEverythingThatIsWrongWithTheSteps) {
  const std::string text = expect_error(ErrorCode::kInvalidNet, [&] {
    run("execution_step { name: 'both' network: 'A' substep { network: 'Aa' } } "
        "execution_step { name: 'minus' network: 'A' num_iter: -1 } "
        "execution_step { name: 'once' network: 'A' only_once: true } "
        "execution_step { name: 'until' network: 'A' num_iter: 2 should_stop_blob: 'stop' } "
        "execution_step { name: 'report' network: 'A' report_net: 'Q' } "
        "execution_step { name: 'spin' should_stop_blob: 'stop' "
        "substep { network: 'A' run_every_ms: 5 } }");
  });
  for (const char* part :
       {"'both' has substeps and networks", "'Aa'", "did you mean 'A'", "'minus' has num_iter -1",
        "'once' has only_once", "'until' has num_iter and should_stop_blob", "'Q'",
        "report_interval", "'spin' would never end"}) {
    EXPECT_NE(text.find(part), text.npos) << "'" << part << "' is not in: " << text;
  }
}

TEST_F(PlanRunnerTest, SequenceOfInstancesIsOneAfterTheOther) {
  // x appends the digit 1, y the digit 2.
  const std::string steps =
      "execution_step { num_iter: 2 num_concurrent_instances: 2 "
      "substep { network: 'x' } substep { network: 'y' } }";
  EXPECT_EQ(digits(steps), 12121212);
}

TEST_F(PlanRunnerTest, SequenceOfASubstepWithRunEveryMsEndsItsStep) {
  EXPECT_EQ(digits("execution_step { num_iter: 3 substep { network: 'x' run_every_ms: 100000 } "
                   "substep { network: 'y' } }"),
            2221);
  EXPECT_EQ(digits("execution_step { num_iter: 3 substep { network: 'x' run_every_ms: 5 } }"), 1);
  EXPECT_EQ(digits("execution_step { network: 'x' run_every_ms: 5 } "
                   "execution_step { network: 'y' }"),
            12);
  EXPECT_EQ(digits("execution_step { should_stop_blob: 'stop' only_once: true "
                   "substep { network: 'x' run_every_ms: 5 } }"),
            1);
}

TEST_F(PlanRunnerTest, ASubstepWithRunEveryMsRunsOnTheWay) {
  run("execution_step { substep { network: 'A' num_iter: 3000 } "
      "substep { network: 'R' run_every_ms: 1 } }");
  EXPECT_EQ(value("a"), 3000);
  EXPECT_GE(value("r"), 2);
}

TEST_F(PlanRunnerTest, SequenceOverAWorkspaceOfItsOwn) {
  // What is there outside is written, what is new does not come out.
  EXPECT_EQ(run("execution_step { create_workspace: true network: 'I' network: 'L' network: 'A' "
                "num_iter: 3 }"),
            (Counts{3, 0, 0}));
  EXPECT_EQ(workspace.find("local"), nullptr);
  feed("local", 0);
  EXPECT_EQ(run("execution_step { create_workspace: true network: 'I' network: 'L' }"),
            (Counts{3, 0, 0}));
  EXPECT_EQ(value("local"), 11);
}

TEST_F(PlanRunnerTest, SequenceOfInstancesEachOverItsOwnWorkspace) {
  // Each makes `local` 10, counts it up three times and adds it to b.
  const std::string body =
      "substep { create_workspace: true substep { network: 'I' } "
      "substep { network: 'L' network: 'A' num_iter: 3 } substep { network: 'P' } }";
  EXPECT_EQ(run("execution_step { num_concurrent_instances: 4 " + body + " }"),
            (Counts{12, 52, 0}));
  EXPECT_EQ(
      run("execution_step { num_concurrent_instances: 4 concurrent_substeps: true " + body + " }"),
      (Counts{24, 104, 0}));
}

TEST_F(PlanRunnerTest, AWorkspaceOfItsOwnSeesWhatThePlanHasMadeBefore) {
  EXPECT_EQ(run("execution_step { network: 'I' } "
                "execution_step { num_concurrent_instances: 2 concurrent_substeps: true "
                "substep { create_workspace: true network: 'L' num_iter: 3 } } "
                "execution_step { network: 'P' }"),
            (Counts{0, 16, 0}));
}

TEST_F(PlanRunnerTest, AWorkspaceOfItsOwnSeesWhatHasBeenMadeSince) {
  // In the first round `local` is made inside, in the second it is there outside.
  EXPECT_EQ(run("execution_step { num_iter: 2 substep { create_workspace: true network: 'I' "
                "network: 'L' } substep { network: 'I' } }"),
            (Counts{0, 0, 0}));
  EXPECT_EQ(value("local"), 10);
  EXPECT_EQ(run("execution_step { num_iter: 2 substep { create_workspace: true network: 'L' } "
                "substep { network: 'P' } }"),
            (Counts{0, 23, 0}));
}

TEST_F(PlanRunnerTest, AWorkspaceOfItsOwnIsNewEachTime) {
  // L reads what only I makes.
  PlanRunner runner(plan_of("execution_step { create_workspace: true network: 'I' } "), workspace,
                    pool);
  runner.run();
  expect_error(ErrorCode::kInvalidNet, "'local'", [&] {
    run("execution_step { num_iter: 2 substep { create_workspace: true should_stop_blob: 'stop' "
        "only_once: true network: 'S' network: 'L' network: 'I' } }");
  });
}

TEST_F(PlanRunnerTest, NetsDrawNumbersOfTheirOwn) {
  const auto draw = [&](uint64_t seed) {
    SessionOptions options;
    options.run.seed = seed;
    PlanRunner(plan_of("network { name: 'G' op { name: 'noise' type: 'GaussianFill' output: 'g' "
                       "arg { name: 'shape' ints: 1 } } } "
                       "network { name: 'H' op { name: 'noise' type: 'GaussianFill' output: 'h' "
                       "arg { name: 'shape' ints: 1 } } } "
                       "execution_step { network: 'G' network: 'H' }"),
               workspace, pool, options)
        .run();
    return std::pair(value("g"), value("h"));
  };
  const auto first = draw(1);
  EXPECT_NE(first.first, first.second);
  EXPECT_EQ(draw(1), first);
  const auto other = draw(2);
  EXPECT_NE(other.first, first.first);
  EXPECT_NE(other.second, first.second);
}

TEST_F(PlanRunnerTest, WarnsOfWhatHasNoEffect) {
  std::vector<std::string> lines;
  SessionOptions options;
  options.compile.warn = [&](const std::string& line) { lines.push_back(line); };
  PlanRunner(plan_of("execution_step { name: 's' network: 'A' criteria_network: 'B' "
                     "num_concurrent_instances: 3 run_every_ms: 5 }"),
             workspace, pool, options)
      .run();
  EXPECT_EQ(value("a"), 1);
  EXPECT_EQ(value("b"), 0);
  ASSERT_EQ(lines.size(), 3);
  EXPECT_NE(lines[0].find("run_every_ms"), lines[0].npos);
  EXPECT_NE(lines[1].find("num_concurrent_instances"), lines[1].npos);
  EXPECT_NE(lines[2].find("criteria_network"), lines[2].npos);
}

}  // namespace
}  // namespace headrace
