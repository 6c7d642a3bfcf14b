// What callers of the TCP store send after their hello, and what comes of it.
#include "comm/store/protocol.h"
#include "comm/store/table.h"
#include "core/error.h"
#include "fuzz/round_trip.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headrace;
  using namespace headrace::comm;
  using namespace headrace::comm::store_protocol;
  FrameReader reader(kMaxFrame);
  Table table;
  // In two pieces, so that frames are cut at any byte.
  const size_t cut = size > 0 ? data[0] % size : 0;
  const std::string_view bytes = fuzz::as_text(data, size);
  for (const std::string_view piece : {bytes.substr(0, cut), bytes.substr(cut)}) {
    reader.append(piece);
    try {
      while (const auto body = reader.next()) {
        std::string why;
        const auto request = parse_request(*body, why);
        fuzz::check(request.has_value() == why.empty());
        if (!request) continue;
        fuzz::check(encode(*request) == encode_frame(*body));
        if (request->operation == Operation::kSet) table.set(request->key, request->value);
        if (request->operation == Operation::kAdd) table.add(request->key, request->amount);
        if (request->operation == Operation::kSetIfAbsent) {
          table.set_if_absent(request->key, request->value);
        }
        if (request->operation == Operation::kErase) table.erase(request->key);
        fuzz::check(table.bytes() <= 30 * size);
      }
    } catch (const Error& error) {
      fuzz::check(error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kTypeMismatch);
      if (error.code() == ErrorCode::kCorrupt) return 0;
    }
  }
  return 0;
}
