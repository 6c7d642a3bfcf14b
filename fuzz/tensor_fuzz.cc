// Lists of tensors in binary form, and the tensors in them.
#include "core/proto/net.pb.h"
#include "core/proto/tensor_proto.h"
#include "fuzz/round_trip.h"

namespace headrace {
namespace {

void convert(const TensorProto& proto) {
  try {
    const Tensor tensor = tensor_from(proto);
    TensorProto again;
    assign(again, tensor);
    fuzz::check(tensor_from(again).desc() == tensor.desc());
  } catch (const Error&) {
    // Of any code: wrong content, unreadable type, impossible shape.
  }
}

}  // namespace
}  // namespace headrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headrace;
  const auto tensors = fuzz::round_trip<TensorProtos>(fuzz::as_text(data, size), "a.pb");
  if (!tensors) return 0;
  for (const TensorProto& proto : tensors->protos()) convert(proto);
  return 0;
}
