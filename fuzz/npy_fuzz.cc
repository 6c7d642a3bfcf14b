// NumPy array files.
#include "core/npy.h"
#include "fuzz/round_trip.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headrace;
  try {
    const Tensor tensor = parse_npy(fuzz::as_text(data, size), "a.npy");
    fuzz::check(tensor.bytes() < size);
  } catch (const Error& error) {
    fuzz::check(error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kUnsupported);
  }
  return 0;
}
