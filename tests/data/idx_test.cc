// The files of MNIST, whole, packed, damaged, and of another format.
#include "data/idx.h"

#include <string>

#include <gtest/gtest.h>
#include <zlib.h>

#include "data/gunzip.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace headrace {
namespace {

using testing::expect_error;
using testing::TempFolder;
using testing::write_file;

std::string big_endian(uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
          static_cast<char>(value >> 8), static_cast<char>(value)};
}

std::string images(const std::string& pixels) {
  return std::string("\0\0\x08\x03", 4) + big_endian(2) + big_endian(2) + big_endian(3) + pixels;
}

const std::string kImages = images("abcdefghijkl");

/// Packed by zlib's own file interface.
std::string gzip(const std::string& content, const TempFolder& folder) {
  const auto path = folder / "packed";
  gzFile file = gzopen(path.c_str(), "wb");
  EXPECT_EQ(gzwrite(file, content.data(), static_cast<unsigned>(content.size())),
            static_cast<int>(content.size()));
  EXPECT_EQ(gzclose(file), Z_OK);
  return testing::read_file(path);
}

std::string text(const std::vector<uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

TEST(Idx, ReadsPlainAndPackedFiles) {
  const TempFolder folder;
  write_file(folder / "plain", kImages);
  write_file(folder / "packed.gz", gzip(kImages, folder));
  for (const char* name : {"plain", "packed.gz"}) {
    const IdxArray array = read_idx(folder / name, 3);
    EXPECT_EQ(array.shape, (Shape{2, 2, 3}));
    EXPECT_EQ(text(array.elements), "abcdefghijkl");
  }
}

TEST(Idx, EveryTruncationIsAnError) {
  const TempFolder folder;
  const std::string packed = gzip(kImages, folder);
  for (const std::string& whole : {kImages, packed}) {
    for (size_t size = 0; size < whole.size(); ++size) {
      write_file(folder / "cut", whole.substr(0, size));
      expect_error(ErrorCode::kCorrupt, "cut", [&] { read_idx(folder / "cut", 3); });
    }
  }
}

// Every bit behind the header either matters, and its change is seen, or is padding.
TEST(Idx, NoFlippedBitOfAPackedFileChangesTheContent) {
  const TempFolder folder;
  std::string noise;  // does not pack, so that most bits are content
  for (int i = 0; i < 12; ++i) noise.push_back(static_cast<char>(i * 89 + 7));
  const std::string packed = gzip(images(noise), folder);
  int unseen = 0;
  for (size_t byte = 10; byte < packed.size(); ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = packed;
      damaged[byte] = static_cast<char>(damaged[byte] ^ (1 << bit));
      write_file(folder / "damaged", damaged);
      try {
        EXPECT_EQ(text(read_idx(folder / "damaged", 3).elements), noise);
        ++unseen;
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kCorrupt) << error.what();
      }
    }
  }
  EXPECT_LT(unseen, 8);
}

TEST(Idx, SaysWhatIsWrong) {
  const auto parse = [](const std::string& content) {
    return parse_idx({content.begin(), content.end()}, 3, "the file");
  };
  expect_error(ErrorCode::kCorrupt, "'the file' is no IDX file of 3 dimensions",
               [&] { parse("\x89PNG and so on"); });
  expect_error(ErrorCode::kCorrupt, "does not begin with 00 00 08 03",
               [&] { parse(std::string("\0\0\x08\x01", 4) + big_endian(1) + "a"); });
  expect_error(ErrorCode::kCorrupt, "truncated: 11 elements, its dimensions 2x2x3 ask for 12",
               [&] { parse(kImages.substr(0, kImages.size() - 1)); });
  expect_error(ErrorCode::kCorrupt, "too long", [&] { parse(kImages + "x"); });
  expect_error(ErrorCode::kCorrupt, "damaged dimensions",
               [&] { parse(std::string("\0\0\x08\x03", 4) + std::string(12, '\xff')); });
  expect_error(ErrorCode::kNotFound, "nowhere", [] { read_idx("nowhere", 3); });
}

TEST(Gunzip, StopsAtTheLimit) {
  const TempFolder folder;
  const std::string packed = gzip(std::string(1 << 20, 'a'), folder);
  const auto bytes = std::as_bytes(std::span(packed));
  EXPECT_EQ(gunzip(bytes, "a", 1 << 20).size(), size_t{1} << 20);
  expect_error(ErrorCode::kCorrupt, "more than", [&] { gunzip(bytes, "a", 1 << 16); });
  expect_error(ErrorCode::kCorrupt, "expected", [&] { gunzip(bytes, "a", (1 << 20) - 1); });
}

TEST(Gunzip, ReadsAllMembersAndNothingElse) {
  const TempFolder folder;
  const std::string two = gzip("ab", folder) + gzip("cd", folder);
  EXPECT_EQ(text(gunzip(std::as_bytes(std::span(two)), "two", 10)), "abcd");
  const std::string more = two + "rest";
  expect_error(ErrorCode::kCorrupt, "4 bytes of something else",
               [&] { gunzip(std::as_bytes(std::span(more)), "more", 10); });
}

}  // namespace
}  // namespace headrace
