#include "data/sample_stream.h"

#include "core/error.h"
#include "data/permutation.h"

namespace headrace {

SampleStream::SampleStream(int64_t size, uint64_t seed) : size_(size), seed_(seed) {
  require(size >= 1, ErrorCode::kInvalidArgument, "a data set of {} samples cannot be trained on",
          size);
}

SampleStream::Draw SampleStream::at(int64_t position) const {
  require(position >= 0, ErrorCode::kInvalidArgument, "position {} lies before the first sample",
          position);
  const int64_t epoch = position / size_;
  const Permutation permutation(size_, seed_, static_cast<uint64_t>(epoch));
  return {epoch, permutation(position % size_)};
}

}  // namespace headrace
