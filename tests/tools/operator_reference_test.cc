#include "tools/operator_reference.h"

#include <gtest/gtest.h>

#include "core/registry.h"
#include "tests/support/paths.h"
#include "tests/tools/process.h"

namespace headrace::tools {
namespace {

TEST(OperatorReference, EveryOutputHasAShapeInWords) {
  for (const std::string& type : operator_types()) {
    const OpSchema& schema = get_schema(type);
    if (schema.is_plan_only()) continue;
    EXPECT_FALSE(schema.doc().empty()) << type;
    for (int i = 0; i < static_cast<int>(schema.outputs().size()); ++i) {
      EXPECT_NE(describe_output(schema, i), "")
          << type << ": say in the schema what output '" << schema.outputs()[i].name << "' is";
    }
  }
}

TEST(OperatorReference, TheDocumentIsUpToDate) {
  const std::string file = headrace::testing::read_file(source_dir() / "docs/operators.md");
  EXPECT_TRUE(file == operator_reference())
      << "docs/operators.md is stale: headrace ops --markdown > docs/operators.md";
}

}  // namespace
}  // namespace headrace::tools
