#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/error.h"
#include "core/npy.h"
#include "data/image_batch.h"
#include "tools/checks.h"
#include "tools/command.h"
#include "tools/text/units.h"

namespace headrace::tools {
namespace {

struct DataFlags {
  std::string data;
  std::string part = "test";
  int64_t first = 0;
  int64_t count = -1;
  std::string images;
  std::string labels;
};

void describe(const DataSet& data) {
  Sample sample;
  data.train->read(0, sample);
  fmt::print("{} training and {} test images, {} of {}x{} pixels\n", count_text(data.train->size()),
             count_text(data.test->size()), plural(sample.channels, "channel"), sample.height,
             sample.width);
  fmt::print("mean {}, deviation {} of pixels in [0, 1]\n", fmt::join(data.mean, " "),
             fmt::join(data.deviation, " "));
  for (size_t i = 0; i < data.class_names.size(); ++i) {
    fmt::print("class {}: {}\n", i, data.class_names[i]);
  }
}

int show_data(const DataFlags& flags) {
  const DataSet data = open_data(flags.data);
  if (flags.images.empty() && flags.labels.empty()) {
    describe(data);
    return kOk;
  }
  const DataSource& source = flags.part == "test" ? *data.test : *data.train;
  const int64_t count = flags.count < 0 ? source.size() - flags.first : flags.count;
  require(flags.first + count <= source.size() && count > 0, ErrorCode::kInvalidArgument,
          "images {} to {} were asked for; there are {}", flags.first, flags.first + count - 1,
          source.size());
  std::vector<SampleStream::Draw> draws;
  for (int64_t i = 0; i < count; ++i) draws.push_back({.epoch = 0, .index = flags.first + i});
  Batch batch;
  read_batch(source, draws, {data.mean, data.deviation}, nullptr, 0, batch);
  if (!flags.images.empty()) write_npy(batch.images, flags.images);
  if (!flags.labels.empty()) write_npy(batch.labels, flags.labels);
  return kOk;
}

Action set_up(CLI::App& app) {
  auto flags = std::make_shared<DataFlags>();
  app.add_option("SPEC", flags->data, fmt::format("Which data:\n{}", fmt::join(data_kinds(), "\n")))
      ->required()
      ->type_name("");
  app.add_option("--images", flags->images,
                 "Write images, normalised as for training, to a .npy file")
      ->type_name("FILE")
      ->default_str("");
  app.add_option("--labels", flags->labels, "Write their labels to a .npy file")
      ->type_name("FILE")
      ->default_str("");
  app.add_option("--part", flags->part, "Which images are written: 'test' or 'train'")
      ->check(CLI::IsMember({"test", "train"}));
  app.add_option("--first", flags->first, "The first image that is written")
      ->check(whole_number(0));
  app.add_option("--count", flags->count, "How many are written")
      ->check(whole_number(1))
      ->default_str("all from the first on");
  return [flags] { return show_data(*flags); };
}

const RegisterCommand kData("data", "Describe a data set, or write a part of it as .npy", set_up);

}  // namespace
}  // namespace headrace::tools
