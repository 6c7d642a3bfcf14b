#include "core/file_kind.h"

#include <array>

namespace headrace {
namespace {

using namespace std::string_view_literals;

struct Magic {
  size_t offset;
  std::string_view bytes;
  std::string_view kind;
};

constexpr std::array kMagics = {
    Magic{0, "version https://git-lfs"sv, "a Git LFS pointer, not the file itself (git lfs pull)"},
    Magic{0, "\xff\xd8\xff"sv, "a JPEG image"},
    Magic{0, "\x89PNG"sv, "a PNG image"},
    Magic{0, "GIF8"sv, "a GIF image"},
    Magic{0, "\177ELF"sv, "an ELF binary"},
    Magic{0, "\x93NUMPY"sv, "a NumPy array"},
    Magic{0, "\x80\x02"sv, "a Python pickle"},
    Magic{0, "\x80\x03"sv, "a Python pickle"},
    Magic{0, "\x80\x04"sv, "a Python pickle"},
    Magic{0, "\x80\x05"sv, "a Python pickle"},
    Magic{0, "PK\x03\x04"sv, "a ZIP archive (.npz or PyTorch file)"},
    Magic{0, "\x1f\x8b"sv, "a gzip file"},
    Magic{0, "\x28\xb5\x2f\xfd"sv, "a Zstandard file"},
    Magic{0, "\3757zXZ"sv, "an xz file"},
    Magic{257, "ustar"sv, "a tar archive"},
    Magic{0, "\x89HDF"sv, "an HDF5 file"},
    Magic{0, "SQLite format 3"sv, "an SQLite database"},
    Magic{0, "%PDF"sv, "a PDF document"},
    Magic{0, "<!DOCTYPE"sv, "an HTML page"},
    Magic{0, "<html"sv, "an HTML page"},
    Magic{0, "#!"sv, "a script"},
    Magic{0, "{"sv, "a JSON file"},
};

}  // namespace

std::string_view file_kind(std::string_view content) {
  for (const Magic& magic : kMagics) {
    if (content.size() > magic.offset && content.substr(magic.offset).starts_with(magic.bytes)) {
      return magic.kind;
    }
  }
  return {};
}

}  // namespace headrace
