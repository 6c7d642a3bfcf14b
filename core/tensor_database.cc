#include "core/tensor_database.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/error.h"
#include "core/proto/net.pb.h"
#include "core/proto/tensor_header.h"
#include "core/proto/tensor_proto.h"

namespace headrace {
namespace {

constexpr std::string_view kChunkSeparator = "#%";
constexpr const char* kTensorType = "Tensor";

void require_tensor(bool is_tensor, const std::string& type) {
  require(is_tensor && type == kTensorType, ErrorCode::kUnsupported,
          "the record holds a blob of type '{}'; only tensors can be loaded", type);
}

void require_same(const TensorDesc& chunk, const TensorDesc& before) {
  require(chunk == before, ErrorCode::kCorrupt, "a chunk is of {}, the one before of {}",
          chunk.to_string(), before.to_string());
}

/// Calls use(name) for every record that is wanted, and tells errors where they come from.
template <typename Use>
void for_records(DatabaseReader& reader, const std::string& where,
                 const TensorCollector::NameOf& name_of, Use use) {
  while (reader.next()) {
    const std::string name = name_of(name_in_key(reader.key()));
    if (name.empty()) continue;
    try {
      use(name);
    } catch (Error& error) {
      error.on_blob(name).caused_by(fmt::format("record '{}' of {}", reader.key(), where));
      throw;
    }
  }
}

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
  for_records(reader, where, name_of,
              [&](const std::string& name) { add(name, reader.value(), reader.bytes()); });
}

std::map<std::string, TensorDesc> describe_tensors(DatabaseReader& reader, const std::string& where,
                                                   const TensorCollector::NameOf& name_of) {
  std::map<std::string, TensorDesc> tensors;
  for_records(reader, where, name_of, [&](const std::string& name) {
    const BlobHeader header = blob_header(reader.value());
    require_tensor(header.tensor.has_value(), header.type);
    const auto [known, is_new] = tensors.emplace(name, *header.tensor);
    if (!is_new) require_same(*header.tensor, known->second);
  });
  return tensors;
}

void TensorCollector::add(const std::string& name, std::string_view record,
                          uint64_t most_elements) {
  require(record.size() <= INT32_MAX, ErrorCode::kCorrupt, "a record of {} bytes", record.size());
  BlobProto blob;
  require(blob.ParseFromArray(record.data(), static_cast<int>(record.size())), ErrorCode::kCorrupt,
          "the record is no BlobProto");
  require_tensor(blob.has_tensor(), blob.type());
  Arriving& arriving = arriving_[name];
  const TensorDesc desc = desc_of(blob.tensor());
  require(static_cast<uint64_t>(desc.shape.numel()) <= most_elements, ErrorCode::kCorrupt,
          "the record is of a tensor {}, and the whole database has {} bytes", desc.to_string(),
          most_elements);
  if (!arriving.tensor.defined()) arriving.tensor = Tensor(desc.shape, desc.dtype);
  require_same(desc, arriving.tensor.desc());
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
