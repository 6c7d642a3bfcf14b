#include "core/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>
#include <zlib.h>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/file_bytes.h"
#include "core/json_numbers.h"

namespace headrace {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors is little-endian");

using Json = nlohmann::json;

constexpr size_t kPrefix = 8;  // bytes of the header's length
constexpr size_t kDigits = 8;
constexpr std::string_view kMetadata = "__metadata__";
constexpr std::string_view kChecksumMark = "\"checksum\":\"crc32:";

struct TypeCode {
  const char* code;
  DType dtype;
};

constexpr std::array kTypes = {
    TypeCode{"F32", DType::kFloat32}, TypeCode{"F64", DType::kFloat64},
    TypeCode{"F16", DType::kFloat16}, TypeCode{"BF16", DType::kBFloat16},
    TypeCode{"I8", DType::kInt8},     TypeCode{"U8", DType::kUInt8},
    TypeCode{"I16", DType::kInt16},   TypeCode{"U16", DType::kUInt16},
    TypeCode{"I32", DType::kInt32},   TypeCode{"I64", DType::kInt64},
    TypeCode{"BOOL", DType::kBool},
};

const char* code_of(DType dtype, const std::string& name) {
  const auto* found = std::ranges::find(kTypes, dtype, &TypeCode::dtype);
  require(found != kTypes.end(), ErrorCode::kUnsupported,
          "'{}' is a tensor of {}, which a safetensors file cannot hold", name, name_of(dtype));
  return found->code;
}

/// The header's text with zeros for a checksum, which takes their place later.
std::string make_header(const TensorFile& file) {
  Json header;
  Json& texts = header[std::string(kMetadata)];
  for (const auto& [name, text] : file.texts) texts[name] = text;
  texts["checksum"] = "crc32:" + std::string(kDigits, '0');
  size_t offset = 0;
  for (const auto& [name, tensor] : file.tensors) {
    const auto dims = tensor.shape().dims();
    header[name] = {{"dtype", code_of(tensor.dtype(), name)},
                    {"shape", std::vector<int64_t>(dims.begin(), dims.end())},
                    {"data_offsets", {offset, offset + tensor.bytes()}}};
    offset += tensor.bytes();
  }
  std::string text = header.dump();
  text.append((8 - (kPrefix + text.size()) % 8) % 8, ' ');  // aligns the elements
  return text;
}

uLong add(uLong checksum, std::string_view bytes) {
  return crc32_z(checksum, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
}

std::string_view elements_of(const Tensor& tensor) {
  return {static_cast<const char*>(tensor.raw()), tensor.bytes()};
}

std::string digits_of(uLong checksum) { return fmt::format("{:08x}", checksum & 0xFFFFFFFF); }

class Reader {
 public:
  Reader(std::string_view content, std::string_view name, Checksum checksum)
      : content_(content), name_(name), checksum_(checksum) {}

  TensorFile read() {
    split();
    verify();
    TensorFile result;
    const Json header = Json::parse(header_, nullptr, /*allow_exceptions=*/false);
    if (!header.is_object()) damaged("its header is no JSON object");
    try {
      for (const auto& [name, entry] : header.items()) {
        if (name == kMetadata) {
          result.texts = entry.get<std::map<std::string, std::string>>();
        } else {
          result.tensors.emplace(name, read_tensor(name, entry));
        }
      }
    } catch (const Json::exception& error) {
      damaged(error.what());
    }
    result.texts.erase("checksum");
    return result;
  }

 private:
  [[noreturn]] void damaged(const std::string& what) const {
    fail(ErrorCode::kCorrupt, "'{}' is no whole safetensors file: {}", name_, what);
  }

  void split() {
    uint64_t length = 0;
    if (content_.size() < kPrefix) damaged(fmt::format("it has {} bytes", content_.size()));
    std::memcpy(&length, content_.data(), kPrefix);
    if (length > content_.size() - kPrefix) damaged("it is truncated, or of another format");
    header_ = content_.substr(kPrefix, length);
    elements_ = content_.substr(kPrefix + length);
  }

  void verify() const {
    const size_t mark = header_.find(kChecksumMark);
    const size_t first = mark + kChecksumMark.size();
    if (mark == header_.npos && checksum_ == Checksum::kIfThere) return;
    if (mark == header_.npos || first + kDigits > header_.size()) {
      damaged("it is of another format, or was not written by headrace: it has no checksum");
    }
    std::string zeroed(header_);
    zeroed.replace(first, kDigits, kDigits, '0');
    const std::string found = digits_of(add(add(crc32_z(0, nullptr, 0), zeroed), elements_));
    if (header_.substr(first, kDigits) != found) {
      damaged(fmt::format("its checksum should be {}, its content has {}",
                          header_.substr(first, kDigits), found));
    }
  }

  Tensor read_tensor(const std::string& name, const Json& entry) const {
    const auto code = entry.at("dtype").get<std::string>();
    const auto* type =
        std::ranges::find_if(kTypes, [&](const TypeCode& t) { return code == t.code; });
    if (type == kTypes.end()) damaged(fmt::format("'{}' has the unknown type {}", name, code));
    std::vector<int64_t> offsets;
    TensorDesc desc{.dtype = type->dtype};
    try {
      offsets = whole_numbers(entry.at("data_offsets"));
      desc.shape = Shape(whole_numbers(entry.at("shape")));
    } catch (const Error& error) {
      damaged(fmt::format("in '{}': {}", name, error.what()));
    }
    if (offsets.size() != 2 || std::cmp_greater(offsets[1], elements_.size()) ||
        offsets[0] > offsets[1] || std::cmp_not_equal(offsets[1] - offsets[0], desc.bytes())) {
      damaged(fmt::format("the elements of '{}' are not where its header says", name));
    }
    Tensor tensor(desc.shape, desc.dtype);
    std::memcpy(tensor.raw(), elements_.data() + offsets[0], tensor.bytes());
    return tensor;
  }

  std::string_view content_;
  std::string_view name_;
  Checksum checksum_;
  std::string_view header_;
  std::string_view elements_;
};

}  // namespace

void save_tensors(const TensorFile& file, const std::filesystem::path& path) {
  std::string header = make_header(file);
  uLong checksum = add(crc32_z(0, nullptr, 0), header);
  std::vector<Tensor> tensors;
  for (const auto& [name, tensor] : file.tensors) {
    checksum = add(checksum, elements_of(tensors.emplace_back(tensor.plain())));
  }
  header.replace(header.find(kChecksumMark) + kChecksumMark.size(), kDigits, digits_of(checksum));

  const uint64_t length = header.size();
  AtomicFile out(path);
  out.write({reinterpret_cast<const char*>(&length), kPrefix});
  out.write(header);
  for (const Tensor& tensor : tensors) out.write(elements_of(tensor));
  out.commit();
}

TensorFile load_tensors(const std::filesystem::path& path, Checksum checksum) {
  const FileBytes file(path);
  return parse_tensors(file.text(), path.native(), checksum);
}

TensorFile parse_tensors(std::string_view content, std::string_view name, Checksum checksum) {
  return Reader(content, name, checksum).read();
}

}  // namespace headrace
