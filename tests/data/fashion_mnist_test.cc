// The real data where Debian's package has put it, against what its authors say of it
// (github.com/zalandoresearch/fashion-mnist), and damaged copies.
#include <cmath>
#include <filesystem>

#include <gtest/gtest.h>

#include "data/data_source.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace headrace {
namespace {

using testing::expect_error;
using testing::TempFolder;
using testing::write_file;

const std::filesystem::path kFolder = "/usr/share/datasets/fashion-mnist";

class FashionMnist : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { data_ = open_data("fashion-mnist"); }
  static void TearDownTestSuite() { data_ = {}; }
  static DataSet data_;
};
DataSet FashionMnist::data_;

TEST_F(FashionMnist, IsBalanced) {
  for (const auto& [source, per_class] :
       {std::pair(data_.train, 6000), std::pair(data_.test, 1000)}) {
    EXPECT_EQ(source->size(), 10 * per_class);
    EXPECT_EQ(source->classes(), 10);
    std::vector<int> counts(10, 0);
    Sample sample;
    for (int64_t i = 0; i < source->size(); ++i) {
      source->read(i, sample);
      ++counts[static_cast<size_t>(sample.label)];
    }
    EXPECT_EQ(counts, std::vector<int>(10, per_class));
  }
  EXPECT_EQ(data_.class_names.size(), 10u);
}

TEST_F(FashionMnist, FirstImagesAreThePublishedOnes) {
  Sample sample;
  std::vector<std::string> names;
  for (int64_t i = 0; i < 4; ++i) {
    data_.train->read(i, sample);
    names.push_back(data_.class_names[static_cast<size_t>(sample.label)]);
    EXPECT_EQ(sample.pixels.size(), 28u * 28u);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"Ankle boot", "T-shirt/top", "T-shirt/top", "Dress"}));
}

TEST_F(FashionMnist, MeanAndDeviationAreThoseOfTheTrainingImages) {
  double sum = 0;
  double squares = 0;
  Sample sample;
  for (int64_t i = 0; i < data_.train->size(); ++i) {
    data_.train->read(i, sample);
    for (const uint8_t pixel : sample.pixels) {
      sum += pixel / 255.0;
      squares += pixel / 255.0 * (pixel / 255.0);
    }
  }
  const double count = 60000.0 * 28 * 28;
  const double mean = sum / count;
  EXPECT_NEAR(data_.mean.at(0), mean, 5e-5);
  EXPECT_NEAR(data_.deviation.at(0), std::sqrt(squares / count - mean * mean), 5e-5);
}

TEST_F(FashionMnist, AnImageThatDoesNotExistIsAnError) {
  Sample sample;
  expect_error(ErrorCode::kInvalidArgument, "there are 10000",
               [&] { data_.test->read(10000, sample); });
}

/// A folder with the four files of which `name` has been replaced.
class Damaged {
 public:
  Damaged(const std::string& name, const std::string& content) {
    for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
      if (entry.path().filename() != name) {
        std::filesystem::create_symlink(entry.path(), folder_.path() / entry.path().filename());
      }
    }
    if (!content.empty()) write_file(folder_ / name, content);
  }
  std::string spec() const { return "fashion-mnist:" + folder_.path().string(); }

 private:
  TempFolder folder_;
};

TEST(FashionMnistFiles, DamageIsNamed) {
  const std::string labels = "t10k-labels-idx1-ubyte.gz";
  const std::string whole = testing::read_file(kFolder / labels);
  const std::string other = testing::read_file(kFolder / "train-labels-idx1-ubyte.gz");

  expect_error(ErrorCode::kNotFound, "t10k-labels-idx1-ubyte",
               [&] { open_data(Damaged(labels, "").spec()); });
  expect_error(ErrorCode::kCorrupt, "truncated",
               [&] { open_data(Damaged(labels, whole.substr(0, whole.size() / 2)).spec()); });
  expect_error(ErrorCode::kCorrupt, "do not belong together",
               [&] { open_data(Damaged(labels, other).spec()); });
  std::string plain("\0\0\x08\x01\0\0\x27\x10", 8);  // 10000 labels
  plain.append(9999, '\1').push_back('\x0a');
  expect_error(ErrorCode::kCorrupt, "label 10 for image 9999",
               [&] { open_data(Damaged(labels, plain).spec()); });
}

TEST(DataSpecification, UnknownKindsAreListed) {
  expect_error(ErrorCode::kNotFound, "did you mean 'fashion-mnist'",
               [] { open_data("fashion_mnist"); });
  expect_error(ErrorCode::kInvalidArgument, "behind the colon",
               [] { open_data("fashion-mnist:"); });
  expect_error(ErrorCode::kNotFound, "/no/such/folder",
               [] { open_data("fashion-mnist:/no/such/folder"); });
  EXPECT_EQ(data_kinds().size(), 1u);
}

}  // namespace
}  // namespace headrace
