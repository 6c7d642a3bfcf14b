#include "comm/launch_environment.h"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace headrace::comm {
namespace {

using ::testing::ElementsAre;
using testing::expect_error;
using ::testing::HasSubstr;

using Environment = std::map<std::string, std::string>;

Variables variables_of(const Environment& environment) {
  return [environment](const std::string& name) -> std::optional<std::string> {
    const auto found = environment.find(name);
    if (found == environment.end() || found->second.empty()) return std::nullopt;
    return found->second;
  };
}

LaunchEnvironment detect(const Environment& environment, const LaunchFlags& flags = {}) {
  return detect_launch(flags, variables_of(environment));
}

Environment join(std::initializer_list<Environment> parts) {
  Environment all;
  for (const auto& part : parts) all.insert(part.begin(), part.end());
  return all;
}

// What the launchers set: recorded from Open MPI 4.1.4 and MPICH 4.0.2, for the others from their
// documentation or source.
const Environment kTorchrun = {{"RANK", "5"},
                               {"WORLD_SIZE", "8"},
                               {"LOCAL_RANK", "1"},
                               {"LOCAL_WORLD_SIZE", "4"},
                               {"GROUP_RANK", "1"},
                               {"MASTER_ADDR", "node0"},
                               {"MASTER_PORT", "29501"},
                               {"TORCHELASTIC_RUN_ID", "none"},
                               {"TORCHELASTIC_USE_AGENT_STORE", "True"}};
const Environment kOpenMpi = {{"OMPI_COMM_WORLD_RANK", "2"},
                              {"OMPI_COMM_WORLD_SIZE", "4"},
                              {"OMPI_COMM_WORLD_LOCAL_RANK", "2"},
                              {"OMPI_COMM_WORLD_LOCAL_SIZE", "4"},
                              {"PMIX_RANK", "2"},
                              {"PMIX_NAMESPACE", "3943890945"}};
const Environment kMpich = {{"PMI_RANK", "3"},
                            {"PMI_SIZE", "4"},
                            {"PMI_FD", "9"},
                            {"MPI_LOCALRANKID", "1"},
                            {"MPI_LOCALNRANKS", "2"}};
const Environment kSlurm = {{"SLURM_PROCID", "6"},
                            {"SLURM_NTASKS", "11"},
                            {"SLURM_STEP_NUM_TASKS", "11"},
                            {"SLURM_LOCALID", "2"},
                            {"SLURM_NODEID", "1"},
                            {"SLURM_STEP_TASKS_PER_NODE", "4(x2),3"},
                            {"SLURM_STEP_NODELIST", "gnode[08-10]"},
                            {"SLURM_JOB_ID", "4711"},
                            {"SLURM_STEP_ID", "0"}};
const Environment kHorovod = {{"HOROVOD_RANK", "3"},
                              {"HOROVOD_SIZE", "4"},
                              {"HOROVOD_LOCAL_RANK", "1"},
                              {"HOROVOD_LOCAL_SIZE", "2"},
                              {"HOROVOD_CONTROLLER", "gloo"}};

void expect_ranks(const LaunchEnvironment& found, int rank, int size, int local_rank,
                  int local_size) {
  EXPECT_EQ(found.rank, rank) << found.describe();
  EXPECT_EQ(found.size, size) << found.describe();
  EXPECT_EQ(found.local_rank, local_rank) << found.describe();
  EXPECT_EQ(found.local_size, local_size) << found.describe();
}

TEST(LaunchEnvironments, Nothing) {
  const auto found = detect({});
  expect_ranks(found, 0, 1, 0, 1);
  EXPECT_THAT(found.describe(), HasSubstr("a single process"));
  EXPECT_EQ(found.store, "");
  EXPECT_FALSE(found.serves_store);
}

TEST(LaunchEnvironments, HeadraceLaunch) {
  const auto found = detect({{"HEADRACE_RANK", "0"},
                             {"HEADRACE_WORLD_SIZE", "3"},
                             {"HEADRACE_LOCAL_RANK", "0"},
                             {"HEADRACE_LOCAL_SIZE", "2"},
                             {"HEADRACE_STORE", "tcp:10.0.0.1:2000"},
                             {"HEADRACE_STORE_SERVED", "1"},
                             {"HEADRACE_JOB", "j"},
                             {"HEADRACE_EPOCH", "2"}});
  expect_ranks(found, 0, 3, 0, 2);
  EXPECT_EQ(found.store, "tcp:10.0.0.1:2000");
  EXPECT_FALSE(found.serves_store);
  EXPECT_EQ(found.epoch, 2);
  EXPECT_EQ(found.job, "j");
  EXPECT_EQ(found.describe(),
            "rank 0 of 3, local rank 0 of 2, by headrace launch (HEADRACE_RANK), restart 2; ranks "
            "meet at tcp:10.0.0.1:2000 (HEADRACE_STORE)");
}

// Ranks have to think alike about that: where the launcher does not say how many there are on a
// host, the last one may well be alone.
TEST(LaunchEnvironments, OneHostIsWhatTheLauncherSays) {
  EXPECT_TRUE(detect(kOpenMpi).one_host);
  EXPECT_FALSE(detect(kTorchrun).one_host);
  EXPECT_FALSE(detect(kSlurm).one_host);
  auto slurm = kSlurm;
  slurm["SLURM_NODEID"] = "0";
  slurm["SLURM_STEP_TASKS_PER_NODE"] = "11";
  EXPECT_TRUE(detect(slurm).one_host);
  const auto last =
      detect({{"FLUX_TASK_RANK", "1"}, {"FLUX_JOB_SIZE", "2"}, {"FLUX_TASK_LOCAL_ID", "1"}});
  expect_ranks(last, 1, 2, 1, 2);
  EXPECT_FALSE(last.one_host);
}

TEST(LaunchEnvironments, TransportsFollowTheLaunchersWord) {
  EXPECT_EQ(transport_for(true), "shm");
  EXPECT_EQ(transport_for(false), "tcp");
  for (const auto& [environment, one] : {std::pair{kOpenMpi, true}, {kTorchrun, false}}) {
    EXPECT_EQ(launched_on_one_host(variables_of(environment)), one);
    EXPECT_EQ(detect(environment).one_host, one);
  }
  EXPECT_FALSE(launched_on_one_host(variables_of({})));
}

// The agents of several hosts restart together, and each counts only the failures of its own ranks.
TEST(LaunchEnvironments, TorchrunsRestartsAreEpochsWhereOneAgentCounts) {
  auto one_host = kTorchrun;
  one_host["LOCAL_WORLD_SIZE"] = "8";
  one_host["LOCAL_RANK"] = "5";
  EXPECT_EQ(detect(one_host).epoch, 0);
  one_host["TORCHELASTIC_RESTART_COUNT"] = "3";
  EXPECT_EQ(detect(one_host).epoch, 3);
  EXPECT_THAT(detect(one_host).describe(), HasSubstr("by torchrun (RANK), restart 3;"));
  EXPECT_EQ(detect(join({one_host, {{"HEADRACE_EPOCH", "7"}}})).epoch, 7);
  one_host["TORCHELASTIC_RESTART_COUNT"] = "some";
  expect_error(ErrorCode::kInvalidArgument, "TORCHELASTIC_RESTART_COUNT is 'some'",
               [&] { detect(one_host); });

  auto several = kTorchrun;
  several["TORCHELASTIC_RESTART_COUNT"] = "3";
  EXPECT_EQ(detect(several).epoch, 0);
}

TEST(LaunchEnvironments, Torchrun) {
  auto found = detect(kTorchrun);
  expect_ranks(found, 5, 8, 1, 4);
  EXPECT_EQ(found.launcher, "torchrun");
  // Its agent listens at MASTER_PORT and speaks its own protocol.
  EXPECT_EQ(found.store, "tcp:node0:29502");
  EXPECT_FALSE(found.serves_store);

  // PyTorchJob: a rank per pod, nothing local, nobody listens yet.
  found = detect({{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "m-0"}});
  expect_ranks(found, 0, 2, 0, 1);
  EXPECT_EQ(found.store, "tcp:m-0:29500");
  EXPECT_TRUE(found.serves_store);
}

TEST(LaunchEnvironments, Mpi) {
  auto found = detect(kOpenMpi);
  expect_ranks(found, 2, 4, 2, 4);
  EXPECT_EQ(found.launcher, "Open MPI");
  // All are here, so they can meet here; another job meets elsewhere.
  EXPECT_THAT(found.store, ::testing::StartsWith("tcp:127.0.0.1:2"));
  auto other = kOpenMpi;
  other["PMIX_NAMESPACE"] = "3943890946";
  EXPECT_NE(detect(other).store, found.store);
  EXPECT_NE(detect(other).job, found.job);

  found = detect(kMpich);
  expect_ranks(found, 3, 4, 1, 2);
  EXPECT_EQ(found.store, "");  // two hosts, and nobody says which
  expect_error(ErrorCode::kInvalidArgument, "--store", [&] { open_job_store(found); });

  expect_ranks(detect({{"MV2_COMM_WORLD_RANK", "1"},
                       {"MV2_COMM_WORLD_SIZE", "2"},
                       {"MV2_COMM_WORLD_LOCAL_RANK", "0"},
                       {"MV2_COMM_WORLD_LOCAL_SIZE", "1"}}),
               1, 2, 0, 1);
  const auto pals = detect({{"PALS_RANKID", "7"},
                            {"PALS_LOCAL_RANKID", "3"},
                            {"PMI_RANK", "7"},
                            {"PMI_SIZE", "8"},
                            {"PMI_LOCAL_SIZE", "4"}});
  expect_ranks(pals, 7, 8, 3, 4);
  EXPECT_EQ(pals.launcher, "PALS");
}

TEST(LaunchEnvironments, Slurm) {
  const auto found = detect(kSlurm);
  expect_ranks(found, 6, 11, 2, 4);
  EXPECT_THAT(found.store, ::testing::StartsWith("tcp:gnode08:2"));
  auto zero = kSlurm;
  zero["SLURM_PROCID"] = "0";
  zero["SLURM_NODEID"] = "0";
  EXPECT_TRUE(detect(zero).serves_store);
  EXPECT_EQ(detect(zero).store, found.store);
}

// The shell of an allocation, and one with a terminal, is one process.
TEST(LaunchEnvironments, ShellsInSlurm) {
  auto shell = kSlurm;
  shell.erase("SLURM_STEP_NUM_TASKS");
  expect_ranks(detect(shell), 0, 1, 0, 1);
  shell["SLURM_STEP_NUM_TASKS"] = "1";
  expect_ranks(detect(shell), 0, 1, 0, 1);
  shell = kSlurm;
  shell["SLURM_PTY_PORT"] = "40000";
  expect_ranks(detect(shell), 0, 1, 0, 1);
}

// A launcher within another: the inner one counts.
TEST(LaunchEnvironments, NestedLaunchers) {
  auto task = kSlurm;
  task["SLURM_PROCID"] = "0";
  task["SLURM_STEP_NUM_TASKS"] = "2";
  EXPECT_EQ(detect(join({kTorchrun, task})).launcher, "torchrun");
  EXPECT_EQ(detect(join({kOpenMpi, task})).launcher, "Open MPI");
  EXPECT_EQ(detect(join({kTorchrun, kOpenMpi})).launcher, "torchrun");
  EXPECT_EQ(detect(join({{{"HEADRACE_RANK", "0"}, {"HEADRACE_WORLD_SIZE", "2"}}, kSlurm})).size, 2);
}

// srun --mpi=pmi2 says the same twice, and knows more than MPICH's variables do.
TEST(LaunchEnvironments, SlurmIsBelievedBeforeThePmiThatItSets) {
  const Environment pmi = {{"PMI_RANK", "6"}, {"PMI_SIZE", "11"}};
  const auto found = detect(join({kSlurm, pmi}));
  expect_ranks(found, 6, 11, 2, 4);
  EXPECT_EQ(found.launcher, "Slurm");
  EXPECT_EQ(found.store, detect(kSlurm).store);
  const Environment here = {{"SLURM_NODEID", "0"}, {"SLURM_STEP_TASKS_PER_NODE", "11"}};
  EXPECT_TRUE(detect(join({here, kSlurm, pmi})).one_host);
  EXPECT_TRUE(launched_on_one_host(variables_of(join({here, kSlurm, pmi}))));
  // An mpiexec in a Slurm task counts ranks of its own.
  EXPECT_EQ(detect(join({kSlurm, kMpich})).launcher, "MPICH");
}

// What an outer launcher, or nobody, has half set.
TEST(LaunchEnvironments, AFullPairOrFlagsNeedNobodyElse) {
  const Environment pod = {{"JOB_COMPLETION_INDEX", "3"}};
  const Environment pair = {{"HEADRACE_RANK", "0"}, {"HEADRACE_WORLD_SIZE", "2"}};
  expect_ranks(detect(join({pod, pair})), 0, 2, 0, 1);
  expect_ranks(detect(pod, {.rank = 1, .size = 2}), 1, 2, 0, 1);
  expect_ranks(detect(join({kOpenMpi, pair})), 0, 2, 0, 1);
  expect_ranks(detect(join({kOpenMpi, {{"HEADRACE_RANK", "0"}, {"HEADRACE_WORLD_SIZE", "4"}}})), 0,
               4, 0, 1);
  EXPECT_FALSE(launched_on_one_host(variables_of(join({pod, pair}))));
}

TEST(LaunchEnvironments, RankAloneIsACommonName) {
  expect_ranks(detect({{"RANK", "admin"}}), 0, 1, 0, 1);
  expect_ranks(detect({{"WORLD_SIZE", "big"}}), 0, 1, 0, 1);
  expect_error(ErrorCode::kInvalidArgument, "RANK is 'admin'", [] {
    detect({{"RANK", "admin"}, {"WORLD_SIZE", "2"}});
  });
}

TEST(LaunchEnvironments, Others) {
  expect_ranks(detect(kHorovod), 3, 4, 1, 2);
  const auto pod =
      detect({{"JOB_COMPLETION_INDEX", "0"}, {"WORLD_SIZE", "4"}, {"MASTER_ADDR", "job-0.svc"}});
  expect_ranks(pod, 0, 4, 0, 1);
  EXPECT_EQ(pod.store, "tcp:job-0.svc:29500");
  EXPECT_TRUE(pod.serves_store);
  expect_ranks(
      detect({{"FLUX_TASK_RANK", "1"}, {"FLUX_JOB_SIZE", "2"}, {"FLUX_TASK_LOCAL_ID", "1"}}), 1, 2,
      1, 2);
}

TEST(LaunchEnvironments, FlagsHaveTheLastWord) {
  const auto found = detect(kOpenMpi, {.rank = 1, .size = 2, .store = "file:/tmp/x"});
  expect_ranks(found, 1, 2, 0, 1);
  EXPECT_EQ(found.store, "file:/tmp/x");
  EXPECT_EQ(found.store_reason, "--store");
  expect_error(ErrorCode::kInvalidArgument, "together", [] { detect({}, {.rank = 1}); });
  expect_error(ErrorCode::kInvalidArgument, "is none among",
               [] { detect({}, {.rank = 2, .size = 2}); });
}

TEST(LaunchEnvironments, Contradictions) {
  // RANK and WORLD_SIZE that somebody exported, and then mpirun.
  expect_error(ErrorCode::kInvalidArgument, "contradict each other", [] {
    detect(join({kOpenMpi, {{"RANK", "0"}, {"WORLD_SIZE", "2"}}}));
  });
  // As many ranks, numbered differently.
  expect_error(ErrorCode::kInvalidArgument, "HOROVOD_RANK=3", [] {
    detect(join({kOpenMpi, kHorovod}));
  });
}

TEST(LaunchEnvironments, BadValues) {
  const std::vector<std::pair<Environment, std::string>> cases = {
      {{{"HEADRACE_RANK", "one"}, {"HEADRACE_WORLD_SIZE", "2"}}, "HEADRACE_RANK is 'one'"},
      {{{"HEADRACE_RANK", "-1"}, {"HEADRACE_WORLD_SIZE", "2"}}, "HEADRACE_RANK is '-1'"},
      {{{"HEADRACE_RANK", "2"}, {"HEADRACE_WORLD_SIZE", "2"}}, "no rank among"},
      {{{"HEADRACE_RANK", "2 "}, {"HEADRACE_WORLD_SIZE", "4"}}, "HEADRACE_RANK is '2 '"},
      {{{"HEADRACE_WORLD_SIZE", "4"}}, "HEADRACE_RANK is not"},
      {{{"OMPI_COMM_WORLD_RANK", "2"}}, "of how many"},
      {{{"JOB_COMPLETION_INDEX", "2"}}, "Set WORLD_SIZE"},
      {{{"PMIX_RANK", "1"}}, "of how many ranks"},
      {{{"HEADRACE_RANK", "0"}, {"HEADRACE_WORLD_SIZE", "2"}, {"HEADRACE_LOCAL_RANK", "3"}},
       "do not fit"},
      {{{"MASTER_ADDR", "h"}, {"MASTER_PORT", "0"}}, "MASTER_PORT is '0'"},
  };
  for (const auto& [environment, part] : cases) {
    expect_error(ErrorCode::kInvalidArgument, part, [&] { detect(environment); });
  }
}

TEST(SlurmLists, Hosts) {
  EXPECT_THAT(expand_hosts("a"), ElementsAre("a"));
  EXPECT_THAT(expand_hosts("gnode[10,20-22]"),
              ElementsAre("gnode10", "gnode20", "gnode21", "gnode22"));
  EXPECT_THAT(expand_hosts("a[08-10]-x,b,c[1]"), ElementsAre("a08-x", "a09-x", "a10-x", "b", "c1"));
  EXPECT_THAT(expand_hosts("r[1-2]n[1-2]"), ElementsAre("r1n1", "r1n2", "r2n1", "r2n2"));
  for (const std::string_view list :
       {"", "a,", "a[", "a]", "a[1", "a[x]", "a[3-1]", "a[]", "a[1-]", "a[[1]]", "a[1-9999999]"}) {
    expect_error(ErrorCode::kInvalidArgument, [&] { expand_hosts(list); });
  }
}

TEST(SlurmLists, Counts) {
  EXPECT_THAT(expand_counts("4"), ElementsAre(4));
  EXPECT_THAT(expand_counts("4(x2),3,1(x3)"), ElementsAre(4, 4, 3, 1, 1, 1));
  for (const std::string_view list : {"", "x", "4(x2", "4(2)", "4(x)", "4(x99999999)"}) {
    expect_error(ErrorCode::kInvalidArgument, [&] { expand_counts(list); });
  }
}

}  // namespace
}  // namespace headrace::comm
