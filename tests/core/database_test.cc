// Databases of records: what is written comes back, and what is damaged is an error.

#include "core/database.h"

#include <fstream>
#include <map>
#include <utility>

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/proto/net.pb.h"
#include "core/proto/tensor_proto.h"
#include "core/tensor_database.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace headrace {
namespace {

using testing::expect_error;
using testing::TempFolder;
using Records = std::map<std::string, std::string>;

class DatabaseTest : public ::testing::TestWithParam<const char*> {
 protected:
  DatabaseName name(const std::string& file = "db") const { return {GetParam(), folder_ / file}; }
  void write(const Records& records, const std::string& file = "db") const {
    const auto writer = create_database(name(file));
    for (const auto& [key, value] : records) writer->put(key, value);
    writer->commit();
  }
  Records read() const {
    Records records;
    const auto reader = open_database(name());
    while (reader->next()) records.emplace(reader->key(), reader->value());
    return records;
  }
  /// The file that holds the records.
  std::filesystem::path file() const {
    return std::filesystem::is_directory(name().path) ? name().path / "data.mdb" : name().path;
  }

  TempFolder folder_;
};

INSTANTIATE_TEST_SUITE_P(Types, DatabaseTest, ::testing::Values("minidb", "lmdb"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(DatabaseTest, WhatIsWrittenComesBack) {
  const Records records = {{"a", "1"},
                           {"b", std::string(100'000, 'x')},
                           {"c", ""},
                           {std::string(500, 'k'), std::string("\0\xff", 2)}};
  write(records);
  EXPECT_EQ(read(), records);
}

TEST_P(DatabaseTest, NothingIsSomethingToo) {
  write({});
  EXPECT_EQ(read(), Records{});
}

TEST_P(DatabaseTest, WithoutCommitNothingIsLeft) {
  create_database(name())->put("a", "1");
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_P(DatabaseTest, ManyRecordsInTheOrderOfTheType) {
  Records records;
  for (int i = 0; i < 5000; ++i) records[std::to_string(i)] = std::string(i % 300, 'v');
  write(records);
  EXPECT_EQ(read(), records);
}

TEST_P(DatabaseTest, ATruncatedOneIsDamage) {
  write({{"a", std::string(20'000, 'x')}});
  std::filesystem::resize_file(file(), std::filesystem::file_size(file()) - 5000);
  expect_error(ErrorCode::kCorrupt, "truncated", [&] { read(); });
}

TEST_P(DatabaseTest, AForeignOneIsDamage) {
  std::ofstream(name().path) << std::string(20'000, 'x');
  expect_error(ErrorCode::kCorrupt, [&] { read(); });
}

TEST_P(DatabaseTest, AMissingOneIsNotFound) {
  expect_error(ErrorCode::kNotFound, "db", [&] { read(); });
}

TEST_P(DatabaseTest, TensorsComeBackFromTheirChunks) {
  Tensor tensor({5, 5}, DType::kFloat32);
  for (int i = 0; i < 25; ++i) tensor.data<float>()[i] = static_cast<float>(i);
  const auto writer = create_database(name());
  put_tensor(*writer, "many", tensor, 2);  // keys many#%0 ... many#%12: LMDB sorts #%10 before #%2
  put_tensor(*writer, "none", Tensor({0, 3}, DType::kInt64));
  writer->commit();
  TensorCollector collector;
  collector.read(*open_database(name()), "db", [](std::string_view n) { return std::string(n); });
  const auto tensors = collector.finish();
  ASSERT_EQ(tensors.size(), 2u);
  EXPECT_EQ(tensors.at("none").shape(), (Shape{0, 3}));
  for (int i = 0; i < 25; ++i) EXPECT_EQ(tensors.at("many").data<float>()[i], i);
}

TEST_P(DatabaseTest, TensorsAreDescribedByTheBeginningsOfTheirRecords) {
  const auto writer = create_database(name());
  put_tensor(*writer, "many", Tensor({5, 5}, DType::kFloat64), 2);
  put_tensor(*writer, "none", Tensor({0, 3}, DType::kInt64));
  put_tensor(*writer, "left out", Tensor({1}, DType::kInt64));
  writer->commit();
  const auto tensors = describe_tensors(*open_database(name()), "db", [](std::string_view n) {
    return n == "left out" ? "" : std::string(n);
  });
  ASSERT_EQ(tensors.size(), 2u);
  EXPECT_EQ(tensors.at("many"), (TensorDesc{DType::kFloat64, {5, 5}}));
  EXPECT_EQ(tensors.at("none"), (TensorDesc{DType::kInt64, {0, 3}}));
}

TEST_P(DatabaseTest, RecordsThatAreNoTensorsAreNotDescribed) {
  const auto describe = [&](const std::string& which) {
    describe_tensors(*open_database(name(which)), "db",
                     [](std::string_view n) { return std::string(n); });
  };
  BlobProto blob;
  blob.set_type("Mutex");
  const std::string other = blob.SerializeAsString();
  blob.set_type("Tensor");
  assign(*blob.mutable_tensor(), Tensor::from<float>({3}, {1, 2, 3}));
  const std::string whole = blob.SerializeAsString();
  write({{"a", other}}, "other");
  expect_error(ErrorCode::kUnsupported, "a blob of type 'Mutex'", [&] { describe("other"); });
  for (size_t size = 1; size < whole.size(); ++size) {
    const std::string which = "cut" + std::to_string(size);
    write({{"a", whole.substr(0, size)}}, which);
    // Cut between two fields it is another blob, without a tensor or without elements.
    try {
      describe(which);
    } catch (const Error& error) {
      EXPECT_TRUE(error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kUnsupported);
    }
  }
  write({{"t#%0", whole},
         {"t#%1",
          [&] {
            blob.mutable_tensor()->set_dims(0, 4);
            return blob.SerializeAsString();
          }()}},
        "disagree");
  expect_error(ErrorCode::kCorrupt, "a chunk is of float32 4", [&] { describe("disagree"); });
}

TEST_P(DatabaseTest, ATensorWithAMissingChunkIsDamage) {
  const Tensor tensor = Tensor::from<float>({4}, {1, 2, 3, 4});
  const auto all = create_database(name("all"));
  put_tensor(*all, "t", tensor, 2);
  all->commit();
  const auto some = create_database(name());
  const auto reader = open_database(name("all"));
  ASSERT_TRUE(reader->next());
  some->put(reader->key(), reader->value());
  some->commit();
  TensorCollector collector;
  collector.read(*open_database(name()), "db", [](std::string_view n) { return std::string(n); });
  expect_error(ErrorCode::kCorrupt, "no record for elements [2, 4)", [&] { collector.finish(); });
}

TEST_P(DatabaseTest, ATensorThatCannotBeThereTakesNoMemory) {
  // One chunk of a tensor that claims 2^59 elements.
  BlobProto blob;
  blob.set_type("Tensor");
  assign(*blob.mutable_tensor(), Tensor::from<float>({1}, {1}));
  blob.mutable_tensor()->set_dims(0, int64_t{1} << 59);
  blob.mutable_tensor()->mutable_segment()->set_begin(0);
  blob.mutable_tensor()->mutable_segment()->set_end(1);
  write({{"t#%0", blob.SerializeAsString()}});
  TensorCollector collector;
  expect_error(ErrorCode::kCorrupt, "and the whole database has", [&] {
    collector.read(*open_database(name()), "db", [](std::string_view n) { return std::string(n); });
  });
}

/// One record of more bytes than a message can have, which LMDB would take. Nobody may read them.
class HugeRecord final : public DatabaseReader {
 public:
  bool next() override { return !std::exchange(read_, true); }
  std::string_view key() const override { return "t#%0"; }
  std::string_view value() const override { return {key().data(), size_t{3} << 30}; }
  uint64_t bytes() const override { return value().size(); }

 private:
  bool read_ = false;
};

TEST(TensorDatabase, ARecordTooLongForAMessageIsDamage) {
  const auto all = [](std::string_view n) { return std::string(n); };
  HugeRecord reader;
  TensorCollector collector;
  expect_error(ErrorCode::kCorrupt, "a record of 3221225472 bytes",
               [&] { collector.read(reader, "db", all); });
  HugeRecord again;
  expect_error(ErrorCode::kCorrupt, "a record of 3221225472 bytes",
               [&] { describe_tensors(again, "db", all); });
}

TEST(Lmdb, IsNotReplaced) {
  const TempFolder folder;
  const DatabaseName name{"lmdb", folder / "db"};
  create_database(name)->commit();
  expect_error(ErrorCode::kInvalidArgument, "is not replaced", [&] { create_database(name); });
}

TEST(Lmdb, GrowsWithWhatIsWritten) {
  const TempFolder folder;
  const DatabaseName name{"lmdb", folder / "db"};
  const std::string value(40'000'000, 'x');  // ten of them are more than the first map allows
  const auto writer = create_database(name);
  for (const char key : std::string("abcdefghij")) writer->put({&key, 1}, value);
  writer->commit();
  const auto reader = open_database(name);
  int records = 0;
  for (; reader->next(); ++records) EXPECT_EQ(reader->value().size(), value.size());
  EXPECT_EQ(records, 10);
}

TEST(Lmdb, RefusesKeysItCannotHold) {
  const TempFolder folder;
  const auto writer = create_database({"lmdb", folder / "db"});
  writer->put("a", "1");
  expect_error(ErrorCode::kInvalidArgument, "written before", [&] { writer->put("a", "2"); });
  expect_error(ErrorCode::kInvalidArgument, "512 bytes",
               [&] { writer->put(std::string(512, 'k'), ""); });
}

TEST(Database, KnowsItsTypes) {
  expect_error(ErrorCode::kUnsupported, "'leveldb' are not supported; there are: lmdb, minidb", [] {
    open_database({"leveldb", "x"});
  });
}

}  // namespace
}  // namespace headrace
