// Tables of communication costs.
#include "comm/cost.h"
#include "core/error.h"
#include "fuzz/round_trip.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headrace;
  using namespace headrace::comm;
  try {
    const CostTable table = table_from_json(std::string(fuzz::as_text(data, size)), "a.json");
    // Any table that is one is one again, and gives a choice.
    const CostTable again = table_from_json(to_json(table), "b.json");
    fuzz::check(again.within.alpha <= table.within.alpha * 1.001);
    const Layout layout{.size = 6, .ranks_per_host = 2};
    fuzz::check(choose(Kind::kAllreduce, layout, 1000, 4, table).seconds >= 0);
  } catch (const Error& error) {
    fuzz::check(error.code() == ErrorCode::kCorrupt);
  }
  return 0;
}
