// safetensors files. Without checksum: with one, every change would be found at the door.
#include "core/safetensors.h"
#include "fuzz/round_trip.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headrace;
  try {
    const TensorFile file =
        parse_tensors(fuzz::as_text(data, size), "a.safetensors", Checksum::kIfThere);
    for (const auto& [name, tensor] : file.tensors) fuzz::check(tensor.bytes() <= size);
  } catch (const Error&) {
    // Of any code: a damaged header, an impossible shape.
  }
  return 0;
}
