// Nets in binary form; what reads the lists of large nets reads every net as protobuf does.
#include <google/protobuf/io/coded_stream.h>

#include "core/proto/binary_format.h"
#include "core/proto/damage.h"
#include "core/proto/net.pb.h"
#include "fuzz/round_trip.h"

namespace {

void compare_with_protobuf(const uint8_t* data, size_t size) {
  headrace::NetDef expected;
  google::protobuf::io::CodedInputStream stream(data, static_cast<int>(size));
  stream.SetRecursionLimit(headrace::kMaxMessageDepth - 1);
  const bool sound = expected.ParsePartialFromCodedStream(&stream) &&
                     stream.ConsumedEntireMessage() && !headrace::has_unknown_fields(expected);
  for (const size_t piece : {0, 5, 100}) {
    headrace::NetDef net;
    const bool read = headrace::parse_binary(
                          headrace::fuzz::as_text(data, size), net, [](size_t) {}, piece) &&
                      !headrace::has_unknown_fields(net);
    headrace::fuzz::check(read == sound);
    if (!sound) continue;
    headrace::fuzz::check(net.SerializePartialAsString() == expected.SerializePartialAsString());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  headrace::fuzz::round_trip<headrace::NetDef>(headrace::fuzz::as_text(data, size), "a.pb");
  compare_with_protobuf(data, size);
  return 0;
}
