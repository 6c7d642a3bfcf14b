// A program of somebody else: built against an installed headrace, it finds operators and catches
// the library's error.
#include <cstdio>

#include "core/error.h"
#include "core/registry.h"

int main() {
  std::printf("%zu operators\n", headrace::operator_types().size());
  try {
    headrace::get_schema("NoSuchOperator");
  } catch (const headrace::Error& error) {
    std::printf("as expected: %s\n", error.what());
    return 0;
  }
  std::puts("no error for an operator that does not exist");
  return 1;
}
