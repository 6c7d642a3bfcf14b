// headrace convert, and models that Caffe2 exported. The model, its input and its output were made
// by the real Caffe2 (1.8.1): golden/model/make.py.
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "core/npy.h"
#include "core/proto/metanet.pb.h"
#include "core/proto/net_io.h"
#include "core/tensor_database.h"
#include "tests/support/paths.h"
#include "tests/support/temp_folder.h"
#include "tests/tools/process.h"

namespace headrace {
namespace {

using testing::headrace;
using testing::ProcessResult;
using testing::read_file;
using testing::TempFolder;
using testing::write_file;

class Convert : public ::testing::Test {
 protected:
  static std::string golden(const char* file) {
    return source_dir() / "tests/tools/golden/model" / file;
  }
  ProcessResult run(const std::vector<std::string>& args) { return headrace(args, folder_.path()); }
  void convert(const std::vector<std::string>& args) {
    std::vector<std::string> all = {"convert"};
    all.insert(all.end(), args.begin(), args.end());
    const ProcessResult result = run(all);
    EXPECT_EQ(result.exit_code, 0) << result.err;
  }
  /// Fails with this message, and leaves nothing named `left`.
  void expect_failure(std::vector<std::string> args, const std::string& message,
                      const std::string& left) {
    args.insert(args.begin(), "convert");
    const ProcessResult result = run(args);
    EXPECT_EQ(result.exit_code, 1) << result.err;
    EXPECT_NE(result.err.find(message), std::string::npos) << message << " not in: " << result.err;
    EXPECT_FALSE(std::filesystem::exists(folder_ / left));
  }
  void expect_output(const std::string& net, const std::string& init) {
    std::vector<std::string> args = {
        "run", net, "--input", "data=" + golden("data.npy"), "--output", "out=out.npy"};
    if (!init.empty()) args.insert(args.end(), {"--init", init});
    const ProcessResult result = run(args);
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const Tensor expected = read_npy(golden("out.npy"));
    const Tensor found = read_npy(folder_ / "out.npy");
    ASSERT_EQ(found.desc(), expected.desc());
    for (size_t i = 0; i < 4; ++i) {
      EXPECT_NEAR(found.data<float>()[i], expected.data<float>()[i], 1e-6);
    }
  }

  TempFolder folder_;
};

TEST_F(Convert, AnExportedModelRunsAsItIs) { expect_output(golden("model.minidb"), ""); }

TEST_F(Convert, WeightsStayTheSameThroughAllFormats) {
  convert({golden("model.minidb"), "a.safetensors", "--net", "net.pbtxt"});
  convert({"a.safetensors", "b.lmdb"});
  convert({"b.lmdb", "c.pb"});
  convert({"c.pb", "d.pbtxt"});
  convert({"d.pbtxt", "e.minidb"});
  convert({"e.minidb", "f.safetensors"});
  EXPECT_EQ(read_file(folder_ / "f.safetensors"), read_file(folder_ / "a.safetensors"));
  expect_output("net.pbtxt", "c.pb");
  expect_output("net.pbtxt", "d.pbtxt");
}

TEST_F(Convert, NetsGoFromTextToBinaryAndBack) {
  for (const char* content : {"name: \"net\"\nop {\n  output: \"x\"\n  type: \"Iter\"\n}\n",
                              "name: \"plan\"\nnetwork {\n  name: \"a\"\n}\n"
                              "execution_step {\n  network: \"a\"\n}\n"}) {
    write_file(folder_ / "a.pbtxt", content);
    convert({"a.pbtxt", "b.pb"});
    convert({"b.pb", "c.pbtxt"});
    EXPECT_EQ(read_file(folder_ / "c.pbtxt"), content);
  }
}

TEST_F(Convert, SaysWhatItLeavesOut) {
  const ProcessResult result = run({"convert", golden("model.minidb"), "a.pb"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_NE(result.err.find("its nets are not"), std::string::npos) << result.err;
}

// An LMDB is a folder, which shells complete with a slash.
TEST_F(Convert, AFolderMayEndWithASlash) {
  convert({golden("model.minidb"), "a.safetensors", "--net", "net.pbtxt"});
  convert({"a.safetensors", "b.lmdb/"});
  convert({"b.lmdb/", "c.pb"});
  expect_output("net.pbtxt", "c.pb");
  const ProcessResult result = run({"run", "b.lmdb/"});
  EXPECT_NE(result.err.find("b.lmdb holds no exported model"), std::string::npos) << result.err;
}

// The weights of the golden model, and a bias that its second init net makes.
TEST_F(Convert, WhatTheInitNetsOfAModelMakeIsWrittenToo) {
  MetaNetDef model;
  const auto add = [&](const char* type, const char* text) {
    NetsMap& entry = *model.add_nets();
    entry.set_key(type);
    *entry.mutable_value() = parse<NetDef>(text, type);
  };
  add("PREDICT_NET_TYPE",
      "op { type: \"Sum\" input: \"w\" input: \"b\" output: \"y\" } external_output: \"y\"");
  add("PREDICT_INIT_NET_TYPE",
      "op { type: \"ConstantFill\" output: \"b\" arg { name: \"shape\" ints: 2 } "
      "arg { name: \"value\" f: 3 } device_option { device_type: 1 } }");
  Tensor w({2}, DType::kFloat32);
  w.data<float>()[0] = 1;
  w.data<float>()[1] = 2;
  const auto writer = create_database({"minidb", folder_ / "model.minidb"});
  put_tensor(*writer, "w", w);
  BlobProto record;
  record.set_name("!!META_NET_DEF");
  record.set_type("std::string");
  record.set_content(model.SerializeAsString());
  writer->put("!!META_NET_DEF", record.SerializeAsString());
  writer->commit();

  convert({"model.minidb", "w.safetensors", "--net", "net.pbtxt"});
  convert({"w.safetensors", "w.pb"});
  const ProcessResult result = run({"run", "net.pbtxt", "--init", "w.pb", "--output", "y=y.npy"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(read_npy(folder_ / "y.npy").data<float>()[1], 5.0f);
}

// A file has no device.
TEST_F(Convert, AnInitNetForAGpuNeedsNone) {
  write_file(folder_ / "gpu.pbtxt",
             "op { output: \"x\" type: \"ConstantFill\" arg { name: \"shape\" ints: 2 } "
             "device_option { device_type: 1 } }");
  convert({"gpu.pbtxt", "x.safetensors"});
  EXPECT_TRUE(std::filesystem::exists(folder_ / "x.safetensors"));
}

TEST_F(Convert, RefusesWhatItCannotDo) {
  write_file(folder_ / "net.pbtxt", "op { output: \"x\" type: \"Iter\" input: \"x\" }");
  write_file(folder_ / "save.pbtxt",
             "op { input: \"x\" type: \"Save\" arg { name: \"db\" s: \"left\" } "
             "arg { name: \"db_type\" s: \"minidb\" } }");
  write_file(folder_ / "foreign.safetensors", "GIF89a and more of it");
  expect_failure({"net.pbtxt", "left.onnx"}, "the extension of 'left.onnx'", "left.onnx");
  expect_failure({"net.pbtxt", "left.lmdb"}, "'x' is not known", "left.lmdb");
  expect_failure({"save.pbtxt", "left.lmdb"}, "Save acts on more than blobs", "left");
  expect_failure({"foreign.safetensors", "left.pb"}, "no whole safetensors file", "left.pb");
  expect_failure({"none.minidb", "left.pb"}, "none.minidb", "left.pb");
  expect_failure({"net.pbtxt", "left.pb", "--net", "n.pb"}, "exported model", "left.pb");
}

TEST_F(Convert, ADatabaseWithoutModelDoesNotRun) {
  convert({golden("model.minidb"), "weights.lmdb"});
  const ProcessResult result = run({"run", "weights.lmdb"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("holds no exported model"), std::string::npos) << result.err;
}

// The same nets as of a model that was cut when it was written.
TEST_F(Convert, TrainingNetsAreCutIntoMicroBatches) {
  for (const auto& [folder, more] :
       {std::pair{"whole", std::vector<std::string>{}}, {"cut", {"--accumulate", "2"}}}) {
    std::vector<std::string> emit = {"emit", "resnet8", "--batch", "8", "-o", folder};
    emit.insert(emit.end(), more.begin(), more.end());
    const ProcessResult result = run(emit);
    ASSERT_EQ(result.exit_code, 0) << result.err;
  }
  const auto expect_equal = [&](const std::string& found, const std::string& expected) {
    EXPECT_EQ(read_file(folder_ / found), read_file(folder_ / expected)) << found;
  };
  convert({"whole/resnet8_train_net.pbtxt", "plan.pbtxt", "--accumulate", "2", "--init",
           "whole/resnet8_init_net.pbtxt", "init.pbtxt"});
  expect_equal("plan.pbtxt", "cut/resnet8_train_plan.pbtxt");
  expect_equal("init.pbtxt", "cut/resnet8_init_net.pbtxt");

  // Cut and then for workers, in one go or in two.
  convert({"plan.pbtxt", "plan_of_2.pbtxt", "--world", "2"});
  convert({"init.pbtxt", "init_of_2.pbtxt", "--world", "2"});
  convert({"whole/resnet8_train_net.pbtxt", "both.pbtxt", "--accumulate", "2", "--world", "2",
           "--init", "whole/resnet8_init_net.pbtxt", "both_init.pbtxt"});
  expect_equal("both.pbtxt", "plan_of_2.pbtxt");
  expect_equal("both_init.pbtxt", "init_of_2.pbtxt");

  expect_failure({"plan.pbtxt", "again.pbtxt", "--accumulate", "2"}, "is a plan already",
                 "again.pbtxt");
  expect_failure({"whole/resnet8_train_net.pbtxt", "thirds.pbtxt", "--accumulate", "3"}, "micro",
                 "thirds.pbtxt");
  expect_failure({golden("model.minidb"), "x.pbtxt", "--accumulate", "2"},
                 "--accumulate makes a net of a net", "x.pbtxt");
}

}  // namespace
}  // namespace headrace
