// Collective operators in nets, on ranks that are threads.
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <string_view>

#include <fmt/format.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "comm/common_world.h"
#include "comm/store/open.h"
#include "comm/store_handle.h"
#include "core/error.h"
#include "tests/comm/child_process.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"
#include "tests/support/workers.h"

namespace headrace {
namespace {

using testing::Workers;

NetDef parse(const std::string& text) {
  NetDef net;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &net)) << text;
  return net;
}

/// Element i of rank r's vector.
float element(int rank, int i) { return static_cast<float>((rank + 2) * (i % 17) - 3 * rank); }

Tensor vector_of(int rank, int count) {
  std::vector<float> values(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) values[static_cast<size_t>(i)] = element(rank, i);
  return Tensor::from<float>({count}, values);
}

float sum_of(int ranks, int i) {
  float sum = 0;
  for (int rank = 0; rank < ranks; ++rank) sum += element(rank, i);
  return sum;
}

/// Feeds every rank its vector as x, runs the net, and calls check(rank, worker).
void run(int ranks, int count, const std::string& net,
         const std::function<void(int, Workers::Worker&)>& check) {
  Workers workers(ranks, {});
  workers.each([&](int rank, Workers::Worker& worker) {
    worker.workspace.feed("x", vector_of(rank, count));
    worker.workspace.feed("y", vector_of(rank, count));
    workers.prepare(worker, parse(net));
    for (uint64_t step = 0; step < 3; ++step) {
      worker.workspace.feed("x", vector_of(rank, count));
      worker.session->run(step);
    }
  });
  workers.each(check);
}

constexpr int kWorlds[] = {1, 2, 3, 4, 7};

TEST(NetOperators, AllreduceAddsUp) {
  for (int ranks : kWorlds) {
    for (int count : {1, 5, 1000, 40000}) {
      run(ranks, count,
          R"(name: "n" external_input: "common_world" external_input: "x"
             op { type: "Allreduce" input: "common_world" input: "x" output: "sum" }
             external_output: "sum")",
          [&](int, Workers::Worker& worker) {
            const auto sum = worker.values("sum");
            ASSERT_EQ(sum.size(), static_cast<size_t>(count));
            for (int i = 0; i < count; ++i)
              ASSERT_EQ(sum[static_cast<size_t>(i)], sum_of(ranks, i));
          });
    }
  }
}

TEST(NetOperators, AllreduceAddsUpTheDevicesOfARankToo) {
  run(3, 10,
      R"(name: "n" external_input: "common_world" external_input: "x" external_input: "y"
         op { type: "Allreduce" input: "common_world" input: "x" input: "y"
              output: "x" output: "y" }
         external_output: "x" external_output: "y")",
      [&](int, Workers::Worker& worker) {
        // y is state, so it holds the sum of the step before.
        const auto x = worker.values("x");
        const auto y = worker.values("y");
        EXPECT_EQ(x, y);
        float expected = 2 * sum_of(3, 4);
        for (int step = 1; step < 3; ++step) expected = sum_of(3, 4) + 3 * expected;
        EXPECT_EQ(x[4], expected);
      });
}

TEST(NetOperators, ReduceGivesTheRootTheSum) {
  run(4, 100,
      R"(name: "n" external_input: "common_world" external_input: "x"
         op { type: "Reduce" input: "common_world" input: "x" output: "sum"
              arg { name: "root" i: 2 } }
         external_output: "sum")",
      [&](int rank, Workers::Worker& worker) {
        if (rank != 2) return;
        for (int i = 0; i < 100; ++i)
          EXPECT_EQ(worker.values("sum")[static_cast<size_t>(i)], sum_of(4, i));
      });
}

TEST(NetOperators, BroadcastCopiesTheRoots) {
  for (int ranks : kWorlds) {
    run(ranks, 50,
        fmt::format(R"(name: "n" external_input: "common_world" external_input: "x"
           op {{ type: "Broadcast" input: "common_world" input: "x" output: "x"
                arg {{ name: "root" i: {} }} }}
           external_output: "x")",
                    ranks - 1),
        [&](int, Workers::Worker& worker) {
          for (int i = 0; i < 50; ++i) {
            ASSERT_EQ(worker.values("x")[static_cast<size_t>(i)], element(ranks - 1, i));
          }
        });
  }
}

// Its length is known during the run only, and more than one waits at once.
TEST(NetOperators, AllgatherJoinsAllVectors) {
  for (int ranks : kWorlds) {
    run(ranks, 6,
        R"(name: "n" external_input: "common_world" external_input: "x"
           op { type: "Allgather" input: "common_world" input: "x" output: "all" }
           op { type: "Copy" input: "x" output: "z" }
           op { type: "Allgather" input: "common_world" input: "x" input: "z" output: "twice" }
           op { type: "Allreduce" input: "common_world" input: "z" output: "sum" }
           external_output: "all" external_output: "twice" external_output: "sum")",
        [&](int, Workers::Worker& worker) {
          const auto all = worker.values("all");
          const auto twice = worker.values("twice");
          ASSERT_EQ(all.size(), static_cast<size_t>(6 * ranks));
          ASSERT_EQ(twice.size(), static_cast<size_t>(12 * ranks));
          for (int i = 0; i < 6 * ranks; ++i) {
            EXPECT_EQ(all[static_cast<size_t>(i)], element(i / 6, i % 6));
            EXPECT_EQ(twice[static_cast<size_t>(i / 6 * 12 + i % 6)], element(i / 6, i % 6));
            EXPECT_EQ(twice[static_cast<size_t>(i / 6 * 12 + i % 6 + 6)], element(i / 6, i % 6));
          }
          EXPECT_EQ(worker.values("sum")[3], sum_of(ranks, 3));
        });
  }
}

// Even parts and others: rank r's counts[r] elements stand at the beginning.
TEST(NetOperators, ReduceScatterGivesEachRankItsPart) {
  for (const std::vector<int32_t>& counts :
       {std::vector<int32_t>{4, 3, 3}, std::vector<int32_t>{0, 9, 1}}) {
    Workers workers(3, {});
    workers.each([&](int rank, Workers::Worker& worker) {
      worker.workspace.feed("x", vector_of(rank, 10));
      worker.workspace.feed("counts", Tensor::from<int32_t>({3}, counts));
      workers.prepare(worker, parse(R"(name: "n" external_input: "common_world"
         external_input: "x" external_input: "counts"
         op { type: "ReduceScatter" input: "common_world" input: "x" input: "counts"
              output: "x" output: "counts" }
         external_output: "x")"));
      worker.session->run();
      const auto x = worker.values("x");
      const int first = std::accumulate(counts.begin(), counts.begin() + rank, 0);
      for (int i = 0; i < counts[static_cast<size_t>(rank)]; ++i) {
        EXPECT_EQ(x[static_cast<size_t>(i)], sum_of(3, first + i)) << "rank " << rank;
      }
    });
  }
}

// What was planned for the sum is not asked of the barrier that takes its place.
TEST(NetOperators, SumsThatNobodyReadsKeepTheOrder) {
  Workers workers(3, {});
  workers.each([&](int rank, Workers::Worker& worker) {
    worker.workspace.feed("x", vector_of(rank, 10));
    worker.workspace.feed("y", vector_of(rank, 10));
    worker.workspace.feed("counts", Tensor::from<int32_t>({3}, {4, 3, 3}));
    workers.prepare(worker, parse(R"(name: "n" external_input: "common_world"
       external_input: "x" external_input: "y" external_input: "counts"
       op { type: "ReduceScatter" input: "common_world" input: "x" input: "counts"
            output: "x" output: "counts" }
       op { type: "Allreduce" input: "common_world" input: "y" output: "sum" }
       external_output: "counts" external_output: "sum")"));
    worker.session->run();
    for (size_t i = 0; i < 10; ++i) {
      EXPECT_EQ(worker.values("sum")[i], sum_of(3, static_cast<int>(i)));
    }
  });
}

// A folder or a Redis server outlives the job; HEADRACE_EPOCH tells its starts apart.
TEST(NetOperators, AStoreServesTheNextStartOfAJob) {
  // The name of a world may be longer than what ranks tell each other when they meet.
  const std::string world(83, 'w');
  for (const char* transport : {"tcp", "shm", "inproc"}) {
    const testing::TempFolder folder;
    const auto start = [&](const char* epoch) {
      setenv("HEADRACE_EPOCH", epoch, 1);
      testing::on_ranks(2, [&](int rank) {
        Workspace workspace;
        ThreadPool pool({.threads = 1});
        workspace.feed("x", vector_of(rank, 5));
        run_once(parse(fmt::format(R"(name: "n" external_input: "x"
            op {{ type: "FileStoreHandlerCreate" output: "store"
                 arg {{ name: "path" s: "{}" }} }}
            op {{ type: "CreateCommonWorld" input: "store" output: "{}"
                 arg {{ name: "size" i: 2 }} arg {{ name: "rank" i: {} }}
                 arg {{ name: "transport" s: "{}" }} }}
            op {{ type: "Allreduce" input: "{}" input: "x" output: "sum" }})",
                                   folder.path().string(), world, rank, transport, world)),
                 workspace, pool);
        EXPECT_EQ(workspace.fetch("sum").data<float>()[2], sum_of(2, 2));
      });
    };
    start("0");
    start("1");
    if (std::string_view(transport) != "inproc") {
      testing::expect_error(ErrorCode::kUnavailable, "use another folder or prefix",
                            [&] { start("1"); });
    }
    unsetenv("HEADRACE_EPOCH");
  }
}

TEST(NetOperators, TimeoutsEndWithinTenYears) {
  Workspace workspace;
  ThreadPool pool({.threads = 1});
  for (const char* op :
       {R"(type: "CreateCommonWorld" output: "w" arg { name: "size" i: 1 }
           arg { name: "rank" i: 0 })",
        R"(type: "StoreGet" input: "store" output: "x")",
        R"(type: "StoreWait" input: "store" arg { name: "blob_names" strings: "x" })"}) {
    for (const char* timeout : {"9223372036854775807", "0"}) {
      testing::expect_error(ErrorCode::kInvalidNet, "ten years", [&] {
        run_once(parse(fmt::format(R"(name: "n" external_input: "store"
            op {{ {} arg {{ name: "timeout_ms" i: {} }} }})",
                                   op, timeout)),
                 workspace, pool);
      });
    }
  }
}

TEST(NetOperators, WorldsAreMadeByNets) {
  auto store = comm::make_memory_store();
  testing::on_ranks(3, [&](int rank) {
    Workspace workspace;
    ThreadPool pool({.threads = 1});
    comm::put_store({.store = store}, workspace.slot("store_handler").blob);
    workspace.feed("x", vector_of(rank, 5));
    run_once(parse(fmt::format(R"(name: "init" external_input: "store_handler" external_input: "x"
        op {{ type: "CreateCommonWorld" name: "w" input: "store_handler" output: "a" engine: "GLOO"
             arg {{ name: "size" i: 3 }} arg {{ name: "rank" i: {} }}
             arg {{ name: "transport" s: "inproc" }} }}
        op {{ type: "CloneCommonWorld" input: "a" output: "b" }}
        op {{ type: "Barrier" input: "a" }}
        op {{ type: "Allreduce" input: "b" input: "x" output: "sum" }})",
                               rank)),
             workspace, pool);
    EXPECT_EQ(workspace.fetch("sum").data<float>()[2], sum_of(3, 2));
    // Clones are one world.
    EXPECT_EQ(comm::world_in(workspace.find("a")->blob), comm::world_in(workspace.find("b")->blob));
    run_once(parse(R"(name: "end" external_input: "a"
        op { type: "DestroyCommonWorld" input: "a" output: "a" })"),
             workspace, pool);
    EXPECT_TRUE(workspace.find("a")->blob.empty());
  });
}

// As jobs do: through memory where the launcher says that all ranks are on one host, and over TCP
// where it does not, unless the net says what it wants.
TEST(NetOperators, WorldsThatSayNothingAreConnectedAsTheLauncherSuggests) {
  struct {
    const char* local_size;
    const char* arg;
    const char* transport;
  } const kCases[] = {
      {"2", "", "shm"},
      {"1", "", "tcp"},
      {"2", "arg { name: 'transport' s: 'tcp' }", "tcp"},
  };
  for (const auto& c : kCases) {
    setenv("HEADRACE_RANK", "0", 1);
    setenv("HEADRACE_WORLD_SIZE", "2", 1);
    setenv("HEADRACE_LOCAL_RANK", "0", 1);
    setenv("HEADRACE_LOCAL_SIZE", c.local_size, 1);
    auto store = comm::make_memory_store();
    testing::on_ranks(2, [&](int rank) {
      Workspace workspace;
      ThreadPool pool({.threads = 1});
      comm::put_store({.store = store}, workspace.slot("store").blob);
      workspace.feed("x", vector_of(rank, 5));
      run_once(parse(fmt::format(R"(name: "n" external_input: "store" external_input: "x"
          op {{ type: "CreateCommonWorld" input: "store" output: "w"
               arg {{ name: "size" i: 2 }} arg {{ name: "rank" i: {} }} {} }}
          op {{ type: "Allreduce" input: "w" input: "x" output: "sum" }})",
                                 rank, c.arg)),
               workspace, pool);
      EXPECT_EQ(comm::world_in(workspace.find("w")->blob)->group().transport().name(), c.transport);
      EXPECT_EQ(workspace.fetch("sum").data<float>()[2], sum_of(2, 2));
    });
    for (const char* name :
         {"HEADRACE_RANK", "HEADRACE_WORLD_SIZE", "HEADRACE_LOCAL_RANK", "HEADRACE_LOCAL_SIZE"}) {
      unsetenv(name);
    }
  }
}

// A command line knows the machines that a net runs on, and the net those that it was written for.
TEST(NetOperators, WhoGivesTheStoreHasTheLastWordOnHowRanksAreConnected) {
  auto store = comm::make_memory_store();
  testing::on_ranks(2, [&](int rank) {
    Workspace workspace;
    ThreadPool pool({.threads = 1});
    comm::put_store({.store = store,
                     .adjust =
                         [&](comm::JoinOptions& options) {
                           EXPECT_EQ(options.transport, "ibverbs");
                           EXPECT_EQ(options.interface, "ib0");
                           EXPECT_EQ(options.timeout, 7);
                           EXPECT_EQ(options.rank, rank);
                           options.transport = "shm";
                           options.interface = "lo";
                         }},
                    workspace.slot("store").blob);
    run_once(parse(fmt::format(R"(name: "n" external_input: "store"
        op {{ type: "CreateCommonWorld" input: "store" output: "w"
             arg {{ name: "size" i: 2 }} arg {{ name: "rank" i: {} }}
             arg {{ name: "transport" s: "ibverbs" }} arg {{ name: "interface" s: "ib0" }}
             arg {{ name: "timeout_ms" i: 7000 }} }})",
                               rank)),
             workspace, pool);
    EXPECT_EQ(comm::world_in(workspace.find("w")->blob)->group().transport().name(), "shm");
  });
}

TEST(NetOperators, StoresAreSharedByTheRanks) {
  auto store = comm::make_memory_store();
  testing::on_ranks(2, [&](int rank) {
    Workspace workspace;
    ThreadPool pool({.threads = 1});
    comm::put_store({.store = store}, workspace.slot("store").blob);
    workspace.feed("x", vector_of(rank, 5));
    run_once(parse(rank == 0 ? R"(name: "n" external_input: "store" external_input: "x"
        op { type: "StoreSet" input: "store" input: "x" arg { name: "blob_name" s: "key" } }
        op { type: "StoreAdd" input: "store" output: "sum" arg { name: "blob_name" s: "number" }
             arg { name: "add_value" i: 5 } }
        op { type: "StoreWait" input: "store" arg { name: "blob_names" strings: "done" } })"
                             : R"(name: "n" external_input: "store" external_input: "x"
        op { type: "StoreGet" input: "store" output: "z" arg { name: "blob_name" s: "key" } }
        op { type: "StoreSet" input: "store" input: "z" arg { name: "blob_name" s: "done" } })"),
             workspace, pool);
    if (rank == 0) {
      EXPECT_EQ(workspace.fetch("sum").data<int64_t>()[0], 5);
    } else {
      EXPECT_EQ(workspace.fetch("z").data<float>()[4], element(0, 4));
    }
  });
}

TEST(NetOperators, NetsMakeStoresInRedis) {
  const std::string port = std::to_string(testing::free_port());
  const testing::ChildProcess server(
      {"redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"});
  Workspace workspace;
  ThreadPool pool({.threads = 1});
  run_once(parse(fmt::format(R"(name: "n"
      op {{ type: "RedisStoreHandlerCreate" output: "store"
           arg {{ name: "host" s: "127.0.0.1" }} arg {{ name: "port" i: {} }}
           arg {{ name: "prefix" s: "job" }} }}
      op {{ type: "StoreAdd" input: "store" output: "sum" arg {{ name: "blob_name" s: "n" }} }})",
                             port)),
           workspace, pool);
  EXPECT_EQ(workspace.fetch("sum").data<int64_t>()[0], 1);
  EXPECT_EQ(comm::open_store("redis:127.0.0.1:" + port)->try_get("jobn"), "1");
  testing::expect_error(ErrorCode::kInvalidNet, "0 is no port", [&] {
    run_once(parse(R"(name: "n" op { type: "RedisStoreHandlerCreate" output: "store"
        arg { name: "host" s: "x" } arg { name: "port" i: 0 } })"),
             workspace, pool);
  });
}

// 2^32 + 1, whose low half is a rank.
TEST(NetOperators, RanksAreNotTakenForTheirLowHalves) {
  Workers workers(2, {});
  workers.each([&](int rank, Workers::Worker& worker) {
    worker.workspace.feed("x", vector_of(rank, 5));
    for (const char* type : {"Broadcast", "Reduce"}) {
      testing::expect_error(ErrorCode::kInvalidNet, "found 4294967297", [&] {
        workers.prepare(worker, parse(fmt::format(R"(name: "n" external_input: "common_world"
            external_input: "x"
            op {{ type: "{}" input: "common_world" input: "x" output: "x"
                 arg {{ name: "root" i: 4294967297 }} }}
            external_output: "x")",
                                                  type)));
        worker.session->run();
      });
    }
  });
  Workspace workspace;
  ThreadPool pool({.threads = 1});
  testing::expect_error(ErrorCode::kInvalidNet, "found 4294967297", [&] {
    run_once(parse(R"(name: "n" op { type: "CreateCommonWorld" output: "world"
        arg { name: "size" i: 4294967297 } arg { name: "rank" i: 0 } })"),
             workspace, pool);
  });
}

TEST(NetOperators, DifferentNetsAreRefusedWithWhatDiffers) {
  Workers workers(3, {});
  workers.each([&](int rank, Workers::Worker& worker) {
    worker.workspace.feed("x", vector_of(rank, rank == 1 ? 6 : 5));
    workers.prepare(worker, parse(R"(name: "n" external_input: "common_world" external_input: "x"
       op { type: "Allreduce" input: "common_world" input: "x" output: "sum" }
       external_output: "sum")"));
    const std::string text =
        testing::expect_error(ErrorCode::kInvalidNet, [&] { worker.session->run(); });
    EXPECT_NE(text.find("rank 0, line 1: Allreduce 'sum' of x float32 5"), text.npos) << text;
    EXPECT_NE(text.find("rank 1, line 1: Allreduce 'sum' of x float32 6"), text.npos) << text;
  });
}

// Whatever fails on one rank ends the others, which would wait for it otherwise.
TEST(NetOperators, AFailureOfOneRankEndsAll) {
  Workers workers(3, {.timeout = 20});
  const auto begin = std::chrono::steady_clock::now();
  workers.each([&](int rank, Workers::Worker& worker) {
    worker.workspace.feed("x", vector_of(rank, 5));
    if (rank == 1)
      worker.workspace.feed("bad", Tensor::from<float>({1}, {NAN}));
    else
      worker.workspace.feed("bad", Tensor::from<float>({1}, {1.0f}));
    workers.prepare(worker, parse(R"(name: "n" external_input: "common_world" external_input: "x"
       external_input: "bad"
       op { type: "EnforceFinite" input: "bad" }
       op { type: "Allreduce" input: "common_world" input: "x" output: "sum" control_input: "bad" }
       op { type: "Allreduce" input: "common_world" input: "sum" output: "again" }
       external_output: "again")"));
    const std::string text =
        rank == 1 ? testing::expect_error(ErrorCode::kNumeric, [&] { worker.session->run(); })
                  : [&] {
                      try {
                        worker.session->run();
                        worker.session->run();
                      } catch (const Error& error) {
                        return std::string(error.what());
                      }
                      return std::string();
                    }();
    EXPECT_NE(text.find("EnforceFinite"), text.npos) << "rank " << rank << ": " << text;
  });
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

}  // namespace
}  // namespace headrace
