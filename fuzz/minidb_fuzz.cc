// minidb databases, and the tensors that Save writes into them.
#include "core/minidb.h"
#include "core/tensor_database.h"
#include "fuzz/round_trip.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headrace;
  try {
    MiniDbReader reader(fuzz::as_text(data, size), "a.minidb");
    TensorCollector collector;
    collector.read(reader, "a.minidb", [](std::string_view name) { return std::string(name); });
    for (const auto& [name, tensor] : collector.finish()) fuzz::check(tensor.defined());
  } catch (const Error&) {
    // Of any code: a damaged record, wrong content, unreadable type, impossible shape.
  }
  return 0;
}
