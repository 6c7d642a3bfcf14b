// Operators that touch files, the screen or the workspace; more in ../files_test.cc.

#include <gtest/gtest.h>
#include <unistd.h>

#include "core/database.h"
#include "tests/operators/compare.h"
#include "tests/operators/sample.h"
#include "tests/support/paths.h"

namespace headrace::testing {
namespace {

std::string temporary(const char* name) {
  return ::testing::TempDir() + "headrace_" + std::to_string(getpid()) + "_" + name;
}
const std::string kFile = source_dir() / "tests/operators/golden/files/caffe2.minidb";
void nothing(const SampleRun&) {}

// clang-format off
const OperatorSamples save("Save", {
    {.name = "two", .args = {{"db", temporary("save.minidb")}, {"db_type", "minidb"}}, .inputs = {normal({2, 3}), integers<int64_t>({4}, 0, 9)},
     .reference = Reference::kCheck, .check = [](const SampleRun&) { EXPECT_EQ(access(temporary("save.minidb").c_str(), R_OK), 0); }},
});
const OperatorErrors save_errors("Save", {
    {.name = "unknown database", .args = {{"db", temporary("a")}, {"db_type", "leveldb"}}, .inputs = {normal({2})}, .code = ErrorCode::kUnsupported, .says = "'leveldb'"},
    {.name = "no path", .args = {{"db", ""}, {"db_type", "minidb"}}, .inputs = {normal({2})}, .says = "names no database"},
    {.name = "relative path", .args = {{"db", "a"}, {"db_type", "minidb"}, {"absolute_path", 1}}, .inputs = {normal({2})}, .says = "absolute"},
    {.name = "too few names", .args = {{"db", temporary("a")}, {"db_type", "minidb"}, {"blob_name_overrides", strings({"a"})}}, .inputs = {normal({2}), normal({2})}, .says = "1 names for 2"},
    {.name = "a name twice", .args = {{"db", temporary("a")}, {"db_type", "minidb"}, {"blob_name_overrides", strings({"a", "a"})}}, .inputs = {normal({2}), normal({2})}, .says = "'a'"},
    {.name = "nothing left", .args = {{"db", temporary("a")}, {"db_type", "minidb"}, {"strip_prefix", "X0"}}, .inputs = {normal({2})}, .says = "leaves nothing"},
    {.name = "chunks", .args = {{"db", temporary("a")}, {"db_type", "minidb"}, {"chunk_size", -2}}, .inputs = {normal({2})}, .says = "-2"},
    {.name = "no folder", .args = {{"db", "/nonexistent/a"}, {"db_type", "minidb"}}, .inputs = {normal({2})}, .code = ErrorCode::kNotFound, .says = "/nonexistent"},
    {.name = "a handle", .args = {{"db", temporary("a")}, {"db_type", "minidb"}}, .code = ErrorCode::kInvalidNet, .says = "inputs"},
});

const OperatorSamples load("Load", {
    {.name = "from Caffe2", .args = {{"db", kFile}, {"db_type", "minidb"}, {"source_blob_names", strings({"matrix", "text"})}}, .outputs = 2, .reference = Reference::kCheck,
     .check = [](const SampleRun& run) {
       EXPECT_TRUE(same_blob(run.outputs[0], Tensor::from<float>({2, 3}, {0, 0.25f, 0.5f, 0.75f, 1, 1.25f}), 0));
       EXPECT_TRUE(same_blob(run.outputs[1], Tensor::from<std::string>({2}, {"x", "yz"}), 0));
     }},
});
const OperatorErrors load_errors("Load", {
    {.name = "no file", .args = {{"db", "/nonexistent/a"}, {"db_type", "minidb"}}, .outputs = 1, .code = ErrorCode::kNotFound, .says = "/nonexistent/a"},
    {.name = "no blob", .args = {{"db", kFile}, {"db_type", "minidb"}, {"source_blob_names", strings({"matrx"})}}, .outputs = 1, .code = ErrorCode::kNotFound, .says = "did you mean 'matrix'"},
    {.name = "neither here nor there", .args = {{"db", kFile}, {"db_type", "minidb"}, {"allow_incomplete", 1}}, .outputs = 1, .code = ErrorCode::kNotFound, .says = "nor in the workspace"},
    {.name = "db and dbs", .args = {{"db", kFile}, {"dbs", strings({"b"})}, {"db_type", "minidb"}}, .outputs = 1, .says = "'dbs'"},
    {.name = "nothing to load", .args = {{"db", kFile}, {"db_type", "minidb"}}, .outputs = 0, .says = "load_all"},
    {.name = "load_all with outputs", .args = {{"db", kFile}, {"db_type", "minidb"}, {"load_all", 1}}, .outputs = 1, .says = "load_all"},
    {.name = "too few names", .args = {{"db", kFile}, {"db_type", "minidb"}, {"source_blob_names", strings({"matrix"})}}, .outputs = 2, .says = "1 names for 2"},
    {.name = "no minidb", .args = {{"db", (source_dir() / "tests/operators/README.md").string()}, {"db_type", "minidb"}}, .outputs = 1, .code = ErrorCode::kCorrupt, .says = "no minidb"},
});

const OperatorSamples create_db("CreateDB", {
    {.name = "read by Load", .args = {{"db", kFile}, {"db_type", "minidb"}}, .outputs = 1, .reference = Reference::kCheck,
     .check = [](const SampleRun& run) { EXPECT_EQ(run.outputs[0].handle<DatabaseName>("database")->path, kFile); }},
});
const OperatorErrors create_db_errors("CreateDB", {
    {.name = "unknown database", .args = {{"db", kFile}, {"db_type", "leveldb"}}, .outputs = 1, .code = ErrorCode::kUnsupported, .says = "there are: lmdb, minidb"},
    {.name = "no path", .args = {{"db", ""}, {"db_type", "minidb"}}, .outputs = 1, .says = "names no database"},
});

const OperatorSamples print("Print", {
    {.name = "one element", .args = {{"every_n", 2}, {"limit", 1}}, .inputs = {normal({2})}, .reference = Reference::kCheck, .check = nothing},
});
const OperatorErrors print_errors("Print", {
    {.name = "never", .args = {{"every_n", 0}}, .inputs = {normal({2})}, .says = "at least 1"},
    {.name = "negative limit", .args = {{"limit", -1}}, .inputs = {normal({2})}, .says = "-1"},
});

const OperatorSamples free_samples("Free", {
    {.name = "two", .inputs = {normal({2}), normal({3})}, .output_names = {"X0", "X1"}, .reference = Reference::kCheck,
     .check = [](const SampleRun& run) { for (const Blob& blob : run.outputs) EXPECT_TRUE(blob.empty()); }},
});
const OperatorErrors free_errors("Free", {
    {.name = "other names", .inputs = {normal({2})}, .outputs = 1, .says = "must be its inputs"},
});
// clang-format on

}  // namespace
}  // namespace headrace::testing
