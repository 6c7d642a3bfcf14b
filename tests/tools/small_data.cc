#include "tests/tools/small_data.h"

#include <cstdint>
#include <random>
#include <string>

#include "tests/support/temp_folder.h"

namespace headrace::testing {
namespace {

std::string header(uint8_t rank, const std::vector<uint32_t>& dims) {
  std::string text("\0\0\x08", 3);
  text.push_back(static_cast<char>(rank));
  for (const uint32_t dim : dims) {
    for (int shift = 24; shift >= 0; shift -= 8) text.push_back(static_cast<char>(dim >> shift));
  }
  return text;
}

void write_part(const std::filesystem::path& folder, const std::string& part, int count) {
  std::mt19937 random(static_cast<uint32_t>(count));
  std::string images = header(3, {static_cast<uint32_t>(count), 28, 28});
  std::string labels = header(1, {static_cast<uint32_t>(count)});
  for (int i = 0; i < count; ++i) {
    const int label = i % 10;
    labels.push_back(static_cast<char>(label));
    for (int y = 0; y < 28; ++y) {
      for (int x = 0; x < 28; ++x) {
        const uint32_t noise = random() % 100;
        images.push_back(static_cast<char>(y == 2 * label + 4 ? 250 : noise));
      }
    }
  }
  write_file(folder / (part + "-images-idx3-ubyte"), images);
  write_file(folder / (part + "-labels-idx1-ubyte"), labels);
}

}  // namespace

void write_small_data(const std::filesystem::path& folder, int train, int test) {
  std::filesystem::create_directories(folder);
  write_part(folder, "train", train);
  write_part(folder, "t10k", test);
}

}  // namespace headrace::testing
