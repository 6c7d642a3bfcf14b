#include "tests/tools/train_results.h"

#include <cstring>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/support/temp_folder.h"
#include "tools/train/checkpoint.h"

namespace headrace::testing {

using nlohmann::json;
using tools::Checkpoint;
using tools::load_checkpoint;

std::vector<json> lines_of(const std::filesystem::path& log) {
  std::vector<json> lines;
  std::istringstream text(read_file(log));
  for (std::string line; std::getline(text, line);) lines.push_back(json::parse(line));
  return lines;
}

void expect_same(const std::filesystem::path& a, const std::filesystem::path& b) {
  const Checkpoint first = load_checkpoint(a);
  const Checkpoint second = load_checkpoint(b);
  EXPECT_EQ(first.state.iteration, second.state.iteration);
  ASSERT_EQ(first.tensors.size(), second.tensors.size());
  EXPECT_GT(first.tensors.size(), 20u);
  for (const auto& [name, tensor] : first.tensors) {
    const Tensor& other = second.tensors.at(name);
    ASSERT_EQ(tensor.desc(), other.desc()) << name;
    EXPECT_EQ(std::memcmp(tensor.raw(), other.raw(), tensor.bytes()), 0) << name;
  }
  ASSERT_EQ(first.state.epochs.size(), second.state.epochs.size());
  for (size_t i = 0; i < first.state.epochs.size(); ++i) {
    EXPECT_EQ(first.state.epochs[i].train_loss, second.state.epochs[i].train_loss);
    EXPECT_EQ(first.state.epochs[i].test_loss, second.state.epochs[i].test_loss);
    EXPECT_EQ(first.state.epochs[i].test_accuracy, second.state.epochs[i].test_accuracy);
  }
}

std::map<std::pair<std::string, int64_t>, json> measured(const std::filesystem::path& log) {
  std::map<std::pair<std::string, int64_t>, json> events;
  for (json line : lines_of(log)) {
    if (line["event"] != "step" && line["event"] != "epoch") continue;
    line.erase("seconds");
    line.erase("images_per_second");
    const auto key =
        std::make_pair(line["event"].get<std::string>(), line["iteration"].get<int64_t>());
    const auto [found, added] = events.emplace(key, line);
    EXPECT_EQ(found->second, line);
  }
  return events;
}

}  // namespace headrace::testing
