// Collective operators in a world of one rank, where each has to leave what is there. What they do
// between ranks is in tests/comm/net_operators_test.cc.
#include <filesystem>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "comm/common_world.h"
#include "comm/store_handle.h"
#include "core/proto/net.pb.h"
#include "tests/operators/compare.h"
#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

using comm::CommonWorld;
using comm::Store;

Blob world(const Rng&) {
  Blob blob;
  comm::put_world(std::make_shared<CommonWorld>(comm::join({.transport = "inproc"}, nullptr)),
                  blob);
  return blob;
}

/// A store that has "key" and "name", which a StoreSet has put there.
Blob store(const Rng&) {
  const std::shared_ptr<Store> made = comm::make_memory_store();
  BlobProto content;
  content.set_type("Tensor");
  content.mutable_tensor()->add_dims(2);
  content.mutable_tensor()->add_float_data(1);
  content.mutable_tensor()->add_float_data(2);
  for (const char* key : {"key", "Y0", "name"}) made->set(key, content.SerializeAsString());
  Blob blob;
  comm::put_store({.store = made}, blob);
  return blob;
}

void expect_input(const SampleRun& run, int output, int input) {
  EXPECT_TRUE(same_tensor(run.outputs[output].tensor(), run.inputs[input].tensor(), 0));
}
void expect_first(const SampleRun& run) { expect_input(run, 0, 1); }
void expect_world(const SampleRun& run) { EXPECT_EQ(comm::world_in(run.outputs[0])->size(), 1); }
void expect_nothing(const SampleRun& run) { EXPECT_TRUE(run.outputs.empty()); }

const OperatorSamples create("CreateCommonWorld",
                             {
                                 {.name = "of one",
                                  .args = {{"size", 1}, {"rank", 0}, {"transport", "inproc"}},
                                  .reference = Reference::kCheck,
                                  .check = expect_world},
                             });
const OperatorErrors create_errors(
    "CreateCommonWorld",
    {
        {.name = "no rank", .args = {{"size", 2}, {"rank", 2}}, .says = "rank 2"},
        {.name = "no store", .args = {{"size", 2}, {"rank", 1}}, .says = "store"},
        {.name = "carrier pigeon",
         .args = {{"size", 1}, {"rank", 0}, {"transport", "pigeon"}},
         .code = ErrorCode::kUnsupported,
         .says = "inproc"},
    });

const OperatorSamples clone("CloneCommonWorld", {
                                                    {.name = "",
                                                     .inputs = {world},
                                                     .reference = Reference::kCheck,
                                                     .check =
                                                         [](const SampleRun& run) {
                                                           EXPECT_EQ(comm::world_in(run.outputs[0]),
                                                                     comm::world_in(run.inputs[0]));
                                                         }},
                                                });
const OperatorSamples destroy(
    "DestroyCommonWorld",
    {
        {.name = "",
         .inputs = {world},
         .output_names = {"X0"},
         .reference = Reference::kCheck,
         .check = [](const SampleRun& run) { EXPECT_TRUE(run.outputs[0].empty()); }},
    });
const OperatorSamples barrier(
    "Barrier",
    {
        {.name = "", .inputs = {world}, .reference = Reference::kCheck, .check = expect_nothing},
    });

const OperatorSamples allreduce(
    "Allreduce",
    {
        {.name = "vector",
         .inputs = {world, normal({7})},
         .reference = Reference::kCheck,
         .check = expect_first},
        {.name = "int64",
         .inputs = {world, integers<int64_t>({2, 3}, -9, 9)},
         .reference = Reference::kCheck,
         .check = expect_first},
        {.name = "two devices",
         .inputs = {world, values<float>({2}, {1, 2}), values<float>({2}, {10, 20})},
         .outputs = 2,
         .reference = Reference::kCheck,
         .check =
             [](const SampleRun& run) {
               for (const Blob& output : run.outputs)
                 EXPECT_TRUE(same_tensor(output.tensor(), Tensor::from<float>({2}, {11, 22}), 0));
             }},
    });
const OperatorErrors allreduce_errors("Allreduce",
                                      {
                                          {.name = "bytes",
                                           .inputs = {world, integers<uint8_t>({3}, 0, 9)},
                                           .code = ErrorCode::kTypeMismatch,
                                           .says = "float32"},
                                          {.name = "two shapes",
                                           .inputs = {world, normal({3}), normal({4})},
                                           .outputs = 2,
                                           .code = ErrorCode::kShapeMismatch,
                                           .says = "alike"},
                                          {.name = "two in, one out",
                                           .inputs = {world, normal({3}), normal({3})},
                                           .says = "an output for each"},
                                      });

const OperatorSamples reduce("Reduce", {
                                           {.name = "",
                                            .inputs = {world, normal({2, 3})},
                                            .reference = Reference::kCheck,
                                            .check = expect_first},
                                       });
const OperatorSamples reduce_scatter("ReduceScatter",
                                     {
                                         {.name = "",
                                          .inputs = {world, normal({6}), values<int32_t>({1}, {6})},
                                          .output_names = {"X1", "X2"},
                                          .reference = Reference::kCheck,
                                          .check = expect_first},
                                     });
const OperatorErrors reduce_scatter_errors("ReduceScatter",
                                           {
                                               {.name = "counts",
                                                .inputs = {world, normal({6}), normal({1})},
                                                .code = ErrorCode::kTypeMismatch,
                                                .says = "int32"},
                                           });
const OperatorSamples broadcast("Broadcast", {
                                                 {.name = "",
                                                  .inputs = {world, normal({2, 3})},
                                                  .output_names = {"X1"},
                                                  .reference = Reference::kCheck,
                                                  .check = expect_first},
                                             });
const OperatorSamples allgather(
    "Allgather", {
                     {.name = "",
                      .inputs = {world, values<float>({2}, {1, 2}), values<float>({2}, {3, 4})},
                      .reference = Reference::kCheck,
                      .check =
                          [](const SampleRun& run) {
                            EXPECT_TRUE(same_tensor(run.outputs[0].tensor(),
                                                    Tensor::from<float>({4}, {1, 2, 3, 4}), 0));
                          }},
                 });

std::string folder() {
  return (std::filesystem::temp_directory_path() / fmt::format("headrace-store-{}", getpid()))
      .string();
}

const OperatorSamples file_store("FileStoreHandlerCreate",
                                 {
                                     {.name = "",
                                      .args = {{"path", folder()}, {"prefix", "job"}},
                                      .reference = Reference::kCheck,
                                      .check =
                                          [](const SampleRun& run) {
                                            auto made = comm::store_in(run.outputs[0]).store;
                                            made->set("a", "b");
                                            EXPECT_EQ(made->get("a", comm::deadline_in(1)), "b");
                                            std::filesystem::remove_all(folder());
                                          }},
                                 });

const OperatorSamples store_set(
    "StoreSet",
    {
        {.name = "",
         .args = {{"blob_name", "mine"}},
         .inputs = {store, normal({3})},
         .reference = Reference::kCheck,
         .check =
             [](const SampleRun& run) {
               EXPECT_TRUE(comm::store_in(run.inputs[0]).store->try_get("mine").has_value());
             }},
    });
const OperatorSamples store_get(
    "StoreGet",
    {
        {.name = "by name",
         .args = {{"timeout_ms", 50}},
         .inputs = {store},
         .reference = Reference::kCheck,
         .check =
             [](const SampleRun& run) { EXPECT_EQ(run.outputs[0].tensor().data<float>()[1], 2); }},
        {.name = "by key",
         .args = {{"blob_name", "key"}, {"timeout_ms", 50}},
         .inputs = {store},
         .reference = Reference::kCheck,
         .check =
             [](const SampleRun& run) { EXPECT_EQ(run.outputs[0].tensor().data<float>()[0], 1); }},
    });
const OperatorErrors store_get_errors("StoreGet",
                                      {
                                          {.name = "never set",
                                           .args = {{"blob_name", "nothing"}, {"timeout_ms", 10}},
                                           .inputs = {store},
                                           .code = ErrorCode::kTimeout,
                                           .says = "nothing"},
                                      });
const OperatorSamples store_add("StoreAdd",
                                {
                                    {.name = "nothing added",
                                     .args = {{"blob_name", "count"}, {"add_value", 0}},
                                     .inputs = {store},
                                     .reference = Reference::kCheck,
                                     .check =
                                         [](const SampleRun& run) {
                                           EXPECT_EQ(run.outputs[0].tensor().data<int64_t>()[0], 0);
                                         }},
                                });
const OperatorSamples store_wait(
    "StoreWait", {
                     {.name = "names",
                      .args = {{"blob_names", strings({"key", "name"})}, {"timeout_ms", 50}},
                      .inputs = {store},
                      .reference = Reference::kCheck,
                      .check = expect_nothing},
                     {.name = "input",
                      .args = {{"timeout_ms", 50}},
                      .inputs = {store, strings_of({2}, {"key", "name"})},
                      .reference = Reference::kCheck,
                      .check = expect_nothing},
                 });
const OperatorErrors store_wait_errors(
    "StoreWait", {
                     {.name = "no keys", .inputs = {store}, .says = "one of the two"},
                 });

}  // namespace
}  // namespace headrace::testing
