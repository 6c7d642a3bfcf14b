// The conventions of the whole command: what is data and what is log, and what the exit codes say.
#include <csignal>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/temp_folder.h"
#include "tests/tools/process.h"

namespace headrace {
namespace {

using testing::headrace;
using testing::headrace_on_terminal;
using testing::Process;
using testing::ProcessResult;

TEST(Command, SaysWhatItIs) {
  const ProcessResult version = headrace({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_TRUE(version.out.starts_with("headrace 0.")) << version.out;
  EXPECT_EQ(version.err, "");
}

TEST(Command, HelpIsDataAndNoError) {
  const ProcessResult help = headrace({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_EQ(help.err, "");
  for (const char* name :
       {"run", "train", "eval", "show", "bench", "emit", "ops", "data", "launch", "tune"}) {
    EXPECT_NE(help.out.find("\n  " + std::string(name) + " "), std::string::npos) << name;
    const ProcessResult one = headrace({name, "--help"});
    EXPECT_EQ(one.exit_code, 0) << name;
    EXPECT_NE(one.out.find("--help"), std::string::npos) << name;
  }
}

TEST(Command, AWrongCommandLineIsExitCodeTwo) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{}, "a command is missing"},
      {{"trian"}, "no command 'trian' (did you mean 'train'?)"},
      {{"run"}, "NET is required"},
      {{"run", "net.pb", "--iterations", "0"},
       "--iterations: expected a whole number, at least 1, found '0'"},
      {{"run", "net.pb", "--iterations", "2.5"}, "at least 1, found '2.5'"},
      {{"run", "net.pb", "--iterations", "99999999999"}, "at most 2147483647"},
      {{"emit", "resnet8", "--learning-rate", "nan"}, "expected a number above 0, found 'nan'"},
      {{"emit", "resnet8", "--momentum", "1.5"}, "expected a number from 0 to 1, found '1.5'"},
      {{"emit", "resnet8", "--weight-decay", "-1"}, "expected a number, 0 or above, found '-1'"},
      {{"run", "net.pb", "--seed", "-1"}, "--seed: expected a whole number, at least 0"},
      {{"emit", "resnet8", "--seed", "18446744073709551615"}, "at most 9223372036854775807"},
      {{"run", "net.pb", "--output", "a=x.npy", "--record", "b=x.npy"}, "'x.npy' is given twice"},
      {{"run", "net.pb", "--executor", "magic"}, "--executor"},
      {{"run", "net.pb", "--output", "softmax"}, "--output: expected NAME=VALUE"},
      {{"run", "net.pb", "--no-such-flag"}, "--no-such-flag"},
      {{"train", "resnet8", "--data", "fashion-mnist", "-o", "/tmp/x"}, "--batch"},
      {{"train", "--data", "fashion-mnist", "-o", "/tmp/x"}, "MODEL or --net"},
  };
  for (const auto& [args, message] : cases) {
    const ProcessResult result = headrace(args);
    EXPECT_EQ(result.exit_code, 2) << message;
    EXPECT_EQ(result.out, "") << message;
    EXPECT_NE(result.err.find(message), std::string::npos) << result.err;
    EXPECT_NE(result.err.find("--help' lists"), std::string::npos) << result.err;
  }
}

TEST(Command, CostsAreNotMeasuredForAFolderThatIsNotThere) {
  testing::Process first({"tune", "--output", "none/x.json"}, "/",
                         {"HEADRACE_RANK=0", "HEADRACE_WORLD_SIZE=2", "HEADRACE_STORE=file:none"});
  const ProcessResult result = first.wait();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("--output: cannot write 'none/x.json', because there is no folder"),
            std::string::npos)
      << result.err;
}

TEST(Command, AFullStandardOutputIsAnError) {
  const testing::TempFolder folder;
  const std::string line =
      testing::headrace_command() + " ops >/dev/full 2>" + (folder / "err").string();
  const int status = std::system(line.c_str());
  EXPECT_EQ(WEXITSTATUS(status), 1);
  const std::string err = testing::read_file(folder / "err");
  EXPECT_NE(err.find("standard output: "), std::string::npos) << err;
}

TEST(Command, HelpNamesValuesAndDefaults) {
  const std::string help = headrace({"train", "--help"}).out;
  for (const char* line :
       {"\n  --epochs N                  Passes over the data (default: 90)\n",
        "\n  --executor parallel|serial  ", "\n  -o, --output DIR            ", "\nRecipe:\n"}) {
    EXPECT_NE(help.find(line), std::string::npos) << line << " not in\n" << help;
  }
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100u) << line;
}

TEST(Command, EndsQuietlyWhenNobodyReadsOn) {
  const testing::TempFolder folder;
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);  // the reader has gone
  const std::string line =
      fmt::format("bash -c '{} ops 2>{} >&{}; exit $?'", testing::headrace_command(),
                  (folder / "err").string(), ends[1]);
  const int status = std::system(line.c_str());
  close(ends[1]);
  EXPECT_EQ(WEXITSTATUS(status), 128 + SIGPIPE);  // as any filter
  EXPECT_EQ(testing::read_file(folder / "err"), "");
}

TEST(Command, ColoursOnATerminalUnlessTheyAreUnwanted) {
  const std::vector<std::string> args = {"run", "/no/such/net.pb"};
  EXPECT_NE(headrace_on_terminal(args).find("\033["), std::string::npos);
  EXPECT_EQ(headrace_on_terminal(args, {"NO_COLOR=1"}).find("\033["), std::string::npos);
  EXPECT_EQ(headrace(args).err.find("\033["), std::string::npos);
}

TEST(Ops, ListsAndDescribes) {
  const ProcessResult list = headrace({"ops"});
  EXPECT_EQ(list.exit_code, 0);
  EXPECT_NE(list.out.find("\nRelu "), std::string::npos);
  const ProcessResult one = headrace({"ops", "Conv"});
  EXPECT_NE(one.out.find("Arguments\n"), std::string::npos) << one.out;
  const ProcessResult wrong = headrace({"ops", "Rleu"});
  EXPECT_EQ(wrong.exit_code, 1);
  EXPECT_NE(wrong.err.find("'Relu'"), std::string::npos) << wrong.err;
}

}  // namespace
}  // namespace headrace
