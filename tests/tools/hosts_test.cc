// Ranks on several hosts choose what suits them, without being told: two levels, where the network
// is slow. Hosts are names that ranks are given (HEADRACE_HOST), so that one machine has several.
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "comm/cost.h"
#include "core/npy.h"
#include "tests/comm/ranks.h"
#include "tests/support/temp_folder.h"
#include "tests/tools/process.h"
#include "tools/output_file.h"

namespace headrace {
namespace {

using ::testing::HasSubstr;
using testing::headrace;
using ::testing::Not;
using testing::Process;
using testing::ProcessResult;

constexpr int kRanks = 6;
constexpr int kPerHost = 3;
constexpr size_t kCount = 50'021;

constexpr const char* kNet = R"(
name: "sum"
op { input: "world" input: "x" output: "x" type: "Allreduce" }
external_input: "world" external_input: "x" external_output: "x"
arg { name: "world" s: "world" }
arg { name: "world_size" i: 6 }
)";

/// Within a host nearly nothing, between hosts much.
const comm::CostTable kTable{
    .name = "slow network", .within = {1e-6, 0.05e-9, 0.05e-9}, .between = {20e-6, 8e-9, 0.05e-9}};

class Hosts : public ::testing::Test {
 protected:
  Hosts() {
    testing::write_file(folder_ / "net.pbtxt", kNet);
    testing::write_file(folder_ / "shapes.json", fmt::format(R"({{"x": [{}]}})", kCount));
    comm::write_table((folder_ / "costs.json").string(), kTable);
    for (int rank = 0; rank < kRanks; ++rank) {
      std::mt19937 random(static_cast<unsigned>(rank));
      std::normal_distribution<float> normal;
      auto& values = operands_.emplace_back();
      for (size_t i = 0; i < kCount; ++i) values.push_back(normal(random));
      Tensor x(Shape({static_cast<int64_t>(kCount)}), DType::kFloat32);
      std::memcpy(x.raw(), values.data(), x.bytes());
      write_npy(x, folder_ / fmt::format("x-{}.npy", rank));
    }
  }

  /// Runs the net as six ranks; rank R says that it is on host HOST, an expression of the shell in
  /// which R is $HEADRACE_RANK. What each ends with.
  std::vector<std::vector<float>> run_on(const std::string& host) {
    const std::string script = fmt::format(
        "export HEADRACE_HOST=host{}; exec {} run net.pbtxt --threads 1 --transport tcp "
        "--input x=x-$HEADRACE_RANK.npy --output x=sum.npy",
        host, testing::headrace_command());
    Process job({"launch", "-n", std::to_string(kRanks), "--", "sh", "-c", script}, folder_.path(),
                {"HEADRACE_COSTS=costs.json"});
    const ProcessResult result = job.wait();
    EXPECT_EQ(result.exit_code, 0) << result.err;
    std::vector<std::vector<float>> sums;
    for (int rank = 0; rank < kRanks; ++rank) {
      const Tensor sum = read_npy(tools::file_of_rank(folder_ / "sum.npy", rank));
      const auto* values = static_cast<const float*>(sum.raw());
      sums.emplace_back(values, values + sum.numel());
    }
    return sums;
  }

  /// What threads end with that choose for so many ranks on each host.
  std::vector<std::vector<float>> expected(int ranks_per_host, comm::Algorithm algorithm) {
    const auto chosen =
        comm::choose(comm::Kind::kAllreduce, {.size = kRanks, .ranks_per_host = ranks_per_host},
                     kCount, sizeof(float), kTable)
            .choice;
    EXPECT_EQ(chosen.algorithm, algorithm);
    auto groups = comm::make_inproc_groups(kRanks, {.ranks_per_host = ranks_per_host});
    auto sums = operands_;
    const auto errors = comm::on_all_ranks(groups, [&](comm::Group& group) {
      group.run({.algorithm = chosen.algorithm,
                 .data = sums[static_cast<size_t>(group.rank())].data(),
                 .count = kCount,
                 .segment = chosen.segment,
                 .name = "sum"});
    });
    for (const auto& error : errors) EXPECT_EQ(error, "");
    return sums;
  }

  testing::TempFolder folder_;
  std::vector<std::vector<float>> operands_;
};

TEST_F(Hosts, AJobUsesTwoLevelsWhereRanksShareHosts) {
  const auto two = expected(kPerHost, comm::Algorithm::kTwoLevel);
  EXPECT_EQ(run_on("$((HEADRACE_RANK / 3))"), two);
  // The bits tell: another algorithm adds up in another order.
  const auto apart = run_on("$HEADRACE_RANK");
  EXPECT_NE(apart, two);
  for (const auto& rank : apart) EXPECT_EQ(rank, apart.front());
}

TEST_F(Hosts, ShowExplainsTheChoice) {
  const auto show = [&](const std::string& per_host) {
    Process process({"show", "net.pbtxt", "--shapes", "shapes.json", "--stage", "plan",
                     "--ranks-per-host", per_host},
                    folder_.path(), {"HEADRACE_COSTS=costs.json"});
    return process.wait();
  };
  EXPECT_THAT(show("3").out, HasSubstr("two-level: "));
  EXPECT_THAT(show("3").out, HasSubstr("(costs: slow network; 3 ranks on each of 2 hosts)"));
  EXPECT_THAT(show("1").out, Not(HasSubstr("two-level: ")));
  const ProcessResult uneven = show("4");
  EXPECT_NE(uneven.exit_code, 0);
  EXPECT_THAT(uneven.err, HasSubstr("6 ranks cannot be on hosts with 4 each"));
}

}  // namespace
}  // namespace headrace
