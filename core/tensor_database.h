#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/database.h"
#include "core/tensor.h"

/// Named tensors in a database, as Caffe2's Save writes them: a record is a BlobProto under the key
/// NAME#%K, where K counts the chunks of a tensor from 0.
namespace headrace {

/// Elements per chunk where nothing else is asked for, as in Caffe2.
inline constexpr int64_t kChunkElements = 1'000'000;

/// Writes one tensor (plain, on the CPU) in chunks of at most so many elements.
void put_tensor(DatabaseWriter& writer, const std::string& name, const Tensor& tensor,
                int64_t chunk_elements = kChunkElements);

/// Gathers tensors from the records of one or more databases.
class TensorCollector {
 public:
  /// The name that something of the file gets here; empty: it is not wanted.
  using NameOf = std::function<std::string(std::string_view)>;

  /// Reads all records. `where` names the database in errors. Throws kCorrupt and what
  /// tensor_from() throws; kUnsupported for a wanted blob that is no tensor.
  void read(DatabaseReader& reader, const std::string& where, const NameOf& name_of);
  /// By the name they have here. Throws kCorrupt for a tensor that is not complete.
  std::map<std::string, Tensor> finish();

 private:
  struct Segment {
    int64_t begin;
    int64_t end;
  };
  struct Arriving {
    Tensor tensor;
    std::vector<Segment> segments;
  };
  void add(const std::string& name, std::string_view record, uint64_t most_elements);
  static void check_complete(const std::string& name, Arriving& arriving);

  std::map<std::string, Arriving> arriving_;
};

/// Types and shapes of the tensors, from the beginnings of the records: no element is read. Throws
/// as TensorCollector::read() does for wanted blobs that are no tensors, and kCorrupt where the
/// records of one tensor disagree.
std::map<std::string, TensorDesc> describe_tensors(DatabaseReader& reader, const std::string& where,
                                                   const TensorCollector::NameOf& name_of);

/// The name in the key of a record.
std::string_view name_in_key(std::string_view key);

}  // namespace headrace
