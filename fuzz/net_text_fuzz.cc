// Nets in text form; lists that are cut out of a text are those that protobuf reads.
#include "core/proto/net.pb.h"
#include "core/proto/text_format.h"
#include "fuzz/round_trip.h"

namespace {

void compare_with_protobuf(std::string_view text) {
  const auto nobody = [](size_t) {};
  headrace::NetDef expected;
  const std::string fault = headrace::parse_text(text, expected, nobody, text.size() + 1);
  for (const size_t least : {1, 2}) {
    headrace::NetDef net;
    headrace::fuzz::check(headrace::parse_text(text, net, nobody, least) == fault);
    if (!fault.empty()) continue;
    headrace::fuzz::check(net.SerializePartialAsString() == expected.SerializePartialAsString());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = headrace::fuzz::as_text(data, size);
  headrace::fuzz::round_trip<headrace::NetDef>(text, "a.pbtxt");
  compare_with_protobuf(text);
  return 0;
}
