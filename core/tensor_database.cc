#include "core/tensor_database.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/error.h"
#include "core/proto/net.pb.h"
#include "core/proto/tensor_proto.h"

namespace headrace {
namespace {

constexpr std::string_view kChunkSeparator = "#%";
constexpr const char* kTensorType = "Tensor";

}  // namespace

void put_tensor(DatabaseWriter& writer, const std::string& name, const Tensor& tensor,
                int64_t chunk_elements) {
  BlobProto blob;
  blob.set_name(name);
  blob.set_type(kTensorType);
  TensorProto& proto = *blob.mutable_tensor();
  proto.set_name(name);
  int64_t chunk = 0;
  // A tensor without elements has one chunk all the same.
  for (int64_t begin = 0; chunk == 0 || begin < tensor.numel(); ++chunk) {
    const int64_t end =
        tensor.numel() - begin > chunk_elements ? begin + chunk_elements : tensor.numel();
    assign(proto, tensor, {begin, end});
    proto.mutable_segment()->set_begin(begin);
    proto.mutable_segment()->set_end(end);
    writer.put(fmt::format("{}{}{}", name, kChunkSeparator, chunk), blob.SerializeAsString());
    begin = end;
  }
}

std::string_view name_in_key(std::string_view key) {
  return key.substr(0, key.find(kChunkSeparator));
}

void TensorCollector::read(DatabaseReader& reader, const std::string& where,
                           const NameOf& name_of) {
  while (reader.next()) {
    const std::string name = name_of(name_in_key(reader.key()));
    if (name.empty()) continue;
    try {
      add(name, reader.value(), reader.bytes());
    } catch (Error& error) {
      error.on_blob(name).caused_by(fmt::format("record '{}' of {}", reader.key(), where));
      throw;
    }
  }
}

void TensorCollector::add(const std::string& name, std::string_view record,
                          uint64_t most_elements) {
  BlobProto blob;
  require(blob.ParseFromArray(record.data(), static_cast<int>(record.size())), ErrorCode::kCorrupt,
          "the record is no BlobProto");
  require(blob.type() == kTensorType && blob.has_tensor(), ErrorCode::kUnsupported,
          "the record holds a blob of type '{}'; only tensors can be loaded", blob.type());
  Arriving& arriving = arriving_[name];
  const TensorDesc desc = desc_of(blob.tensor());
  require(static_cast<uint64_t>(desc.shape.numel()) <= most_elements, ErrorCode::kCorrupt,
          "the record is of a tensor {}, and the whole database has {} bytes", desc.to_string(),
          most_elements);
  if (!arriving.tensor.defined()) arriving.tensor = Tensor(desc.shape, desc.dtype);
  require(arriving.tensor.desc() == desc, ErrorCode::kCorrupt,
          "a chunk is of {}, the one before of {}", desc.to_string(),
          arriving.tensor.desc().to_string());
  copy_segment(blob.tensor(), arriving.tensor);
  const TensorSegment segment = segment_of(blob.tensor());
  arriving.segments.push_back({segment.begin, segment.end});
}

std::map<std::string, Tensor> TensorCollector::finish() {
  std::map<std::string, Tensor> tensors;
  for (auto& [name, arriving] : arriving_) {
    check_complete(name, arriving);
    tensors.emplace(name, std::move(arriving.tensor));
  }
  arriving_.clear();
  return tensors;
}

void TensorCollector::check_complete(const std::string& name, Arriving& arriving) {
  std::ranges::sort(arriving.segments, {}, &Segment::begin);
  int64_t end = 0;
  for (const Segment& segment : arriving.segments) {
    require(segment.begin == end, ErrorCode::kCorrupt, "blob '{}' of {} has {} elements [{}, {})",
            name, arriving.tensor.desc().to_string(),
            segment.begin > end ? "no record for" : "two records for", std::min(segment.begin, end),
            std::max(segment.begin, end));
    end = segment.end;
  }
  require(end == arriving.tensor.numel(), ErrorCode::kCorrupt,
          "blob '{}' of {} has no record for elements [{}, {})", name,
          arriving.tensor.desc().to_string(), end, arriving.tensor.numel());
}

}  // namespace headrace
