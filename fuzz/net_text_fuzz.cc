// Nets in text form.
#include "core/proto/net.pb.h"
#include "fuzz/round_trip.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  headrace::fuzz::round_trip<headrace::NetDef>(headrace::fuzz::as_text(data, size), "a.pbtxt");
  return 0;
}
