// headrace run: the flags that others script against, and everything that can be wrong about what
// they name. Values are checked against sums done by hand.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/device.h"
#include "core/npy.h"
#include "tests/support/temp_folder.h"
#include "tests/tools/process.h"

namespace headrace {
namespace {

using testing::headrace;
using testing::ProcessResult;
using testing::read_file;
using testing::TempFolder;
using testing::write_file;

// d = a + b + b; n counts the iterations.
constexpr const char* kAdder = R"(
name: "adder"
op { input: "a" input: "b" output: "c" type: "Sum" }
op { input: "c" input: "b" output: "d" type: "Sum" }
op { input: "n" output: "n" type: "Iter" }
external_input: "a" external_input: "b" external_input: "n"
external_output: "d"
)";
constexpr const char* kInit = R"(
name: "adder_init"
op { output: "b" type: "ConstantFill"
     arg { name: "shape" ints: 2 ints: 3 } arg { name: "value" f: 10 } }
op { output: "n" type: "ConstantFill"
     arg { name: "shape" ints: 1 } arg { name: "dtype" i: 10 } arg { name: "value" i: 0 } }
)";

class Run : public ::testing::Test {
 protected:
  void SetUp() override {
    write_file(folder_ / "net.pbtxt", kAdder);
    write_file(folder_ / "init.pbtxt", kInit);
    Tensor a({2, 3}, DType::kFloat32);
    std::iota(a.data<float>().begin(), a.data<float>().end(), 1.0f);
    write_npy(a, folder_ / "a.npy");
  }

  ProcessResult run(std::vector<std::string> more) {
    more.insert(more.begin(), {"run", "net.pbtxt"});
    return headrace(more, folder_.path());
  }
  /// Fails with this exit code and message, and leaves no file `out.npy`.
  void expect_failure(std::vector<std::string> more, const std::string& message, int code = 1) {
    const ProcessResult result = run(std::move(more));
    EXPECT_EQ(result.exit_code, code) << result.err;
    EXPECT_NE(result.err.find(message), std::string::npos) << message << " not in: " << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_FALSE(std::filesystem::exists(folder_ / "out.npy"));
  }

  TempFolder folder_;
};

TEST_F(Run, RunsAPlanOfSeveralNets) {
  // The plan makes b itself, adds it twice in each of two rounds, and leaves c of the last one.
  write_file(folder_ / "net.pbtxt", std::string("name: \"rounds\" network {") + kInit +
                                        "} network {" + kAdder +
                                        "} execution_step { network: \"adder_init\" } "
                                        "execution_step { network: \"adder\" num_iter: 2 }");
  const ProcessResult result = run(
      {"--input", "a=a.npy", "--output", "c=c.npy", "--record", "n=n.npy", "--iterations", "2"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Tensor c = read_npy(folder_ / "c.npy");
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(c.data<float>()[i], static_cast<float>(i) + 1 + 10);
  const Tensor n = read_npy(folder_ / "n.npy");
  EXPECT_EQ(n.shape(), (Shape{2, 1}));
  EXPECT_EQ(n.data<int64_t>()[1], 2) << "every iteration runs the init net anew";

  expect_failure({}, "plan 'rounds' reads 1 blob that nothing has made: a");
  expect_failure({"--input", "aa=a.npy"}, "plan 'rounds' has no blob 'aa'");
}

TEST_F(Run, WritesBlobsAndRecordsThem) {
  const ProcessResult result =
      run({"--init", "init.pbtxt", "--input", "a=a.npy", "--iterations", "3", "--output", "d=d.npy",
           "--output", "c=c.npy", "--output", "a=a_again.npy", "--record", "n=n.npy"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "");
  const Tensor d = read_npy(folder_ / "d.npy");
  const Tensor c = read_npy(folder_ / "c.npy");
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(d.data<float>()[i], static_cast<float>(i) + 1 + 20);
    EXPECT_EQ(c.data<float>()[i], static_cast<float>(i) + 1 + 10);
  }
  EXPECT_EQ(read_file(folder_ / "a_again.npy"), read_file(folder_ / "a.npy"));
  const Tensor n = read_npy(folder_ / "n.npy");
  EXPECT_EQ(n.shape(), (Shape{3, 1}));
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(n.data<int64_t>()[i], static_cast<int64_t>(i) + 1);
}

TEST_F(Run, TheSameOnAnyExecutorAndThreads) {
  std::vector<std::string> files;
  for (const std::vector<std::string>& how :
       {std::vector<std::string>{}, {"--executor", "serial"}, {"--threads", "1"}, {"--pin"}}) {
    std::vector<std::string> args = {"--init",       "init.pbtxt", "--input",
                                     "a=random:2x3", "--output",   "d=d.npy"};
    args.insert(args.end(), how.begin(), how.end());
    ASSERT_EQ(run(args).exit_code, 0);
    files.push_back(read_file(folder_ / "d.npy"));
  }
  for (const std::string& file : files) EXPECT_EQ(file, files.front());
}

TEST_F(Run, RandomInputsDependOnTheSeed) {
  const auto with_seed = [&](const char* seed) {
    EXPECT_EQ(run({"--init", "init.pbtxt", "--input", "a=random:2x3", "--seed", seed, "--output",
                   "a=a2.npy"})
                  .exit_code,
              0);
    return read_file(folder_ / "a2.npy");
  };
  EXPECT_EQ(with_seed("1"), with_seed("1"));
  EXPECT_NE(with_seed("1"), with_seed("2"));
}

TEST_F(Run, IntegersStayIntegers) {
  write_npy(Tensor::from<int64_t>({1}, {41}), folder_ / "n41.npy");
  ASSERT_EQ(run({"--init", "init.pbtxt", "--input", "a=a.npy", "--input", "n=n41.npy", "--output",
                 "n=n.npy"})
                .exit_code,
            0);
  EXPECT_EQ(read_npy(folder_ / "n.npy").data<int64_t>()[0], 42);
}

TEST_F(Run, ShapesStandInForValues) {
  write_file(folder_ / "shapes.json", R"({"adder": {"b": [2, 3], "n": "int64 1"}, "other": {}})");
  const ProcessResult result =
      run({"--shapes", "shapes.json", "--input", "a=a.npy", "--output", "d=d.npy"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.err.find("random numbers stand in for 2 blobs"), std::string::npos);
}

TEST_F(Run, WritesATimeline) {
  ASSERT_EQ(
      run({"--init", "init.pbtxt", "--input", "a=a.npy", "--iterations", "2", "--trace", "t.json"})
          .exit_code,
      0);
  const auto timeline = nlohmann::json::parse(read_file(folder_ / "t.json"));
  int sums = 0;
  for (const auto& event : timeline["traceEvents"]) {
    sums += event["ph"] == "X" && event["name"] == "Sum d";
  }
  EXPECT_EQ(sums, 2);
}

TEST_F(Run, WritesATimelineOfAllNetsOfAPlan) {
  const std::string nets =
      std::string("name: \"rounds\" network {") + kInit + "} network {" + kAdder + "} ";
  write_file(folder_ / "net.pbtxt", nets +
                                        "execution_step { network: \"adder_init\" } "
                                        "execution_step { network: \"adder\" num_iter: 3 }");
  const ProcessResult result =
      run({"--input", "a=a.npy", "--iterations", "2", "--trace", "t.json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.err.find("timeline of 8 runs"), std::string::npos) << result.err;
  const auto timeline = nlohmann::json::parse(read_file(folder_ / "t.json"));
  std::vector<std::pair<double, std::string>> events;
  for (const auto& event : timeline["traceEvents"]) {
    if (event["ph"] != "X" || !event.contains("name")) continue;
    const std::string name = event["name"];
    if (name == "ConstantFill b" || name == "Sum c") events.emplace_back(event["ts"], name);
  }
  std::ranges::sort(events);
  std::string order;
  for (const auto& [time, name] : events) order += name == "Sum c" ? 's' : 'i';
  EXPECT_EQ(order, "isssisss");

  // Runs at the same time are no timeline of one run after the other.
  write_file(folder_ / "net.pbtxt", nets +
                                        "execution_step { network: \"adder_init\" } "
                                        "execution_step { concurrent_substeps: true "
                                        "substep { network: \"adder\" } "
                                        "substep { network: \"adder_init\" } }");
  expect_failure({"--input", "a=a.npy", "--trace", "t.json"}, "run side by side");
}

TEST_F(Run, NamesMissingInputs) {
  expect_failure({"--input", "a=a.npy", "--output", "d=out.npy"},
                 "reads 2 blobs that nothing has made: b, n");
}

// Nets of two ranks as Caffe2 writes them, for the machines of their time.
TEST_F(Run, ConnectsTheWorldsOfNetsAsItsFlagsSay) {
  for (int rank : {0, 1}) {
    write_file(folder_ / fmt::format("rank{}.pbtxt", rank), fmt::format(R"(
        name: "rank" external_input: "store_handler"
        op {{ type: "CreateCommonWorld" input: "store_handler" output: "world"
             arg {{ name: "size" i: 2 }} arg {{ name: "rank" i: {0} }}
             arg {{ name: "transport" s: "ibverbs" }} arg {{ name: "interface" s: "ib0" }} }}
        op {{ type: "ConstantFill" output: "x" arg {{ name: "shape" ints: 2 }}
             arg {{ name: "value" f: {0}.5 }} }}
        op {{ type: "Allreduce" input: "world" input: "x" output: "x" }}
        external_output: "x")",
                                                                        rank));
  }
  const ProcessResult alone = headrace({"run", "rank0.pbtxt"}, folder_.path());
  EXPECT_NE(alone.err.find("store_handler (where ranks meet: "), std::string::npos) << alone.err;

  const auto both = [&](const std::string& store, const std::vector<std::string>& flags) {
    const auto start = [&](const std::string& rank) {
      std::vector<std::string> args = {
          "run",     "rank" + rank + ".pbtxt", "--world",  "2",      "--rank", rank,
          "--store", "file:" + store,          "--output", "x=x.npy"};
      args.insert(args.end(), flags.begin(), flags.end());
      return args;
    };
    testing::Process second(start("1"), folder_.path());
    const ProcessResult first = headrace(start("0"), folder_.path());
    return std::pair(first, second.wait());
  };
  const auto [as_written, other] = both("a", {});
  EXPECT_EQ(as_written.exit_code, 1);
  EXPECT_NE(as_written.err.find("no transport 'ibverbs'"), std::string::npos) << as_written.err;
  const auto [first, second] = both("b", {"--transport", "tcp", "--interface", "lo"});
  EXPECT_EQ(first.exit_code, 0) << first.err;
  EXPECT_EQ(second.exit_code, 0) << second.err;
  for (const char* file : {"x.npy", "x-rank1.npy"}) {
    EXPECT_EQ(read_npy(folder_ / file).data<float>()[1], 2.0f);
  }
}

TEST_F(Run, NamesMisspeltBlobs) {
  expect_failure({"--init", "init.pbtxt", "--input", "aa=a.npy"}, "no blob 'aa' (did you mean 'a'");
  expect_failure({"--init", "init.pbtxt", "--input", "a=a.npy", "--output", "dd=out.npy"},
                 "no blob 'dd' (did you mean 'd'");
}

TEST_F(Run, NamesWrongShapesAndTypes) {
  write_npy(Tensor({2, 4}, DType::kFloat32), folder_ / "wide.npy");
  write_npy(Tensor::from<int32_t>({2, 3}, {1, 2, 3, 4, 5, 6}), folder_ / "ints.npy");
  expect_failure({"--init", "init.pbtxt", "--input", "a=wide.npy", "--output", "d=out.npy"}, "2x4");
  expect_failure({"--init", "init.pbtxt", "--input", "a=ints.npy", "--output", "d=out.npy"},
                 "int32");
}

TEST_F(Run, NamesUnknownOperatorsAndMissingArguments) {
  write_file(folder_ / "net.pbtxt", R"(name: "n"
    op { input: "a" output: "x" type: "Smu" }
    op { input: "x" output: "y" type: "LearningRate" })");
  expect_failure({"--input", "a=a.npy"}, "unknown operator 'Smu' (did you mean 'Sum'");
  expect_failure({"--input", "a=a.npy"}, "LearningRate");
  expect_failure({"--input", "a=a.npy"}, "base_lr");
}

TEST_F(Run, WarnsOfUnknownArgumentsOnceAndRefusesThemIfStrict) {
  write_file(folder_ / "net.pbtxt", R"(name: "n"
    op { input: "a" output: "x" type: "Scale" arg { name: "scael" f: 2 } }
    op { input: "x" output: "y" type: "Scale" arg { name: "scael" f: 2 } })");
  const std::string hint = "unknown argument 'scael' (did you mean 'scale'?)";
  const ProcessResult result = run({"--input", "a=a.npy", "--output", "y=y.npy"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const size_t first = result.err.find(hint);
  ASSERT_NE(first, std::string::npos) << result.err;
  EXPECT_EQ(result.err.find(hint, first + 1), std::string::npos) << result.err;
  expect_failure({"--input", "a=a.npy", "--strict"}, hint);
}

TEST_F(Run, RunsOnTheCpuWhatTheNetPutsOnAGpuIfAsked) {
  write_file(folder_ / "net.pbtxt", R"(name: "n"
    op { input: "a" output: "x" type: "Scale" device_option { device_type: 1 cuda_gpu_id: 7 }
         arg { name: "scale" f: 2 } }
    op { input: "x" output: "y" type: "Scale" device_option { device_type: 1 device_id: 1 }
         arg { name: "scale" f: 3 } })");
  const ProcessResult result =
      run({"--input", "a=a.npy", "--output", "y=y.npy", "--device", "cpu"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.err.find("2 operators"), std::string::npos) << result.err;
  EXPECT_EQ(read_npy(folder_ / "y.npy").data<float>()[5], 36);

  if (device_count(DeviceKind::kCuda) > 0) GTEST_SKIP() << "there is a GPU";
  expect_failure({"--input", "a=a.npy"}, "--device cpu runs them on the CPU");
}

TEST_F(Run, NamesMissingAndDamagedFiles) {
  expect_failure({"--init", "no_init.pbtxt", "--input", "a=a.npy"}, "no_init.pbtxt");
  expect_failure({"--init", "init.pbtxt", "--input", "a=none.npy"}, "none.npy");
  const std::string whole = read_file(folder_ / "a.npy");
  write_file(folder_ / "cut.npy", whole.substr(0, whole.size() - 1));
  expect_failure({"--init", "init.pbtxt", "--input", "a=cut.npy"}, "truncated");
  write_file(folder_ / "foreign.npy", "\x89PNG\r\n");
  expect_failure({"--init", "init.pbtxt", "--input", "a=foreign.npy"}, "foreign.npy");
  write_file(folder_ / "shapes.json", R"({"b": [2, "x"]})");
  expect_failure({"--shapes", "shapes.json"}, "gives [2,\"x\"] as the shape of 'b'");
  write_file(folder_ / "shapes.json", "{");
  expect_failure({"--shapes", "shapes.json"}, "no JSON file");
}

TEST_F(Run, RefusesInputsThatCannotAllBeMeant) {
  expect_failure({"--input", "a=a.npy", "--input", "a=random:2x3"}, "'a' is given twice", 2);
  expect_failure({"--input", "a=random:2x3:int8:129"}, "129 is no bound of int8: expected at most");
  expect_failure({"--input", "a=random:2x3:float32:10"}, "random numbers of type float32 have no");
}

TEST_F(Run, RefusesFoldersThatAreNotThereBeforeItRuns) {
  expect_failure({"--output", "d=none/d.npy"}, "there is no folder");
  expect_failure({"--record", "d=none/d.npy"}, "none/d.npy");
  expect_failure({"--trace", "none/t.json"}, "none/t.json");
}

TEST_F(Run, AFullDeviceIsAnError) {
  expect_failure({"--init", "init.pbtxt", "--input", "a=a.npy", "--output", "d=/dev/full"},
                 "No space left on device");
}

// A training step with its loss: what follows from a loss that is not finite must not happen.
class RunStep : public Run {
 protected:
  void SetUp() override {
    Run::SetUp();
    write_file(folder_ / "net.pbtxt", R"(
name: "step"
op { input: "x" output: "root" type: "Sqrt" }
op { input: "root" input: "label" output: "p" output: "loss" type: "SoftmaxWithLoss" }
op { input: "count" output: "count" type: "Iter" }
external_input: "x" external_input: "label" external_input: "count"
arg { name: "losses" strings: "loss" }
)");
    write_npy(Tensor::from<float>({2, 3}, {1, 2, 3, 4, 5, 6}), folder_ / "x.npy");
    write_npy(Tensor::from<int32_t>({2}, {0, 2}), folder_ / "label.npy");
    write_npy(Tensor::from<int64_t>({1}, {0}), folder_ / "count.npy");
  }
  std::vector<std::string> fed(const std::string& x, const std::string& label,
                               std::vector<std::string> more = {}) {
    more.insert(more.end(), {"--input", "x=" + x, "--input", "label=" + label, "--input",
                             "count=count.npy", "--output", "count=out.npy"});
    return more;
  }
};

TEST_F(RunStep, SaysWhereALossThatIsNoNumberBegan) {
  ASSERT_EQ(run(fed("x.npy", "label.npy")).exit_code, 0);
  std::filesystem::remove(folder_ / "out.npy");
  write_npy(Tensor::from<float>({2, 3}, {1, 2, 3, 4, -5, 6}), folder_ / "negative.npy");
  expect_failure(fed("negative.npy", "label.npy"),
                 "it began in Sqrt 'root' (#0), whose inputs were finite: output 'root' is nan at "
                 "element 4");
  write_npy(Tensor::from<float>({2, 3}, {1, 2, 3, 4, NAN, 6}), folder_ / "nan.npy");
  expect_failure(fed("nan.npy", "label.npy"), "input 'x' holds nan at element 4");
}

TEST_F(RunStep, GuardsTheLossThatAFlagNames) {
  std::string net = read_file(folder_ / "net.pbtxt");
  net.resize(net.find("arg {"));
  write_file(folder_ / "net.pbtxt", net);
  write_npy(Tensor::from<float>({2, 3}, {1, 2, 3, 4, -5, 6}), folder_ / "negative.npy");
  EXPECT_EQ(run(fed("negative.npy", "label.npy")).exit_code, 0);
  std::filesystem::remove(folder_ / "out.npy");
  expect_failure(fed("negative.npy", "label.npy", {"--loss-blob", "loss"}), "the loss is nan");
  expect_failure(fed("x.npy", "label.npy", {"--loss-blob", "los"}),
                 "--loss-blob: 'net.pbtxt' has no blob 'los'");
}

TEST_F(RunStep, NamesLabelsOutOfRange) {
  for (const int32_t label : {3, -1}) {
    write_npy(Tensor::from<int32_t>({2}, {0, label}), folder_ / "bad.npy");
    expect_failure(fed("x.npy", "bad.npy"),
                   fmt::format("label {} of sample 1 is not in 0 ... 2", label));
  }
  write_npy(Tensor::from<float>({2}, {0, 1}), folder_ / "real.npy");
  expect_failure(fed("x.npy", "real.npy"), "its elements must be int32 or int64");
}

TEST_F(Run, AFullDiskLeavesTheOldFile) {
  // Files of the command cannot grow beyond 8 KiB, as on a full disk; the array takes 40,000 bytes.
  ASSERT_EQ(run({"--init", "init.pbtxt", "--input", "a=a.npy", "--output", "d=d.npy"}).exit_code,
            0);
  const std::string before = read_file(folder_ / "d.npy");
  write_file(folder_ / "init.pbtxt",
             R"(op { output: "b" type: "ConstantFill" arg { name: "shape" ints: 100 ints: 100 } }
                op { output: "a" type: "ConstantFill" arg { name: "shape" ints: 100 ints: 100 } }
                op { output: "n" type: "ConstantFill" arg { name: "shape" ints: 1 }
                     arg { name: "dtype" i: 10 } arg { name: "value" i: 0 } })");
  const std::string line = "cd " + folder_.path().string() + " && ulimit -f 8 && " +
                           testing::headrace_command() +
                           " run net.pbtxt --init init.pbtxt --output d=d.npy 2>err";
  const int status = std::system(("bash -c \"" + line + "\"").c_str());
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_NE(read_file(folder_ / "err").find("d.npy"), std::string::npos)
      << read_file(folder_ / "err");
  EXPECT_EQ(read_file(folder_ / "d.npy"), before);
  EXPECT_EQ(folder_.names().size(), 5u);  // and no temporary file
}

}  // namespace
}  // namespace headrace
