#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

Sample fc(std::string name, std::vector<SampleArg> args, Shape x, Shape w, int64_t n) {
  return {.name = std::move(name),
          .args = std::move(args),
          .inputs = {normal(x), normal(w), normal({n})},
          .gradients = {0, 1, 2}};
}

const OperatorSamples samples("FC",
                              {
                                  fc("matrix", {}, {3, 7}, {5, 7}, 5),
                                  fc("one row", {}, {1, 33}, {17, 33}, 17),
                                  fc("one row of few elements", {}, {1, 7}, {3, 7}, 3),
                                  fc("one long row", {}, {1, 70}, {9, 70}, 9),
                                  fc("two rows", {}, {2, 50}, {7, 50}, 7),
                                  fc("image", {}, {2, 3, 2, 2}, {5, 12}, 5),
                                  fc("later axis", {{"axis", 2}}, {2, 3, 4}, {5, 4}, 5),
                                  fc("axis from the end", {{"axis", -2}}, {2, 3, 4}, {5, 12}, 5),
                                  fc("all of X is one row", {{"axis", 0}}, {2, 3}, {4, 6}, 4),
                                  fc("leading ones in W", {{"axis_w", 3}}, {2, 6}, {1, 1, 5, 6}, 5),
                                  {.name = "no rows",
                                   .inputs = {normal({0, 7}), normal({5, 7}), normal({5})}},
                              });

const OperatorErrors errors("FC", {
                                      {.name = "rows of different length",
                                       .inputs = {normal({3, 7}), normal({5, 6}), normal({5})},
                                       .code = ErrorCode::kShapeMismatch,
                                       .says = "7 elements from axis 1 on"},
                                      {.name = "wrong bias",
                                       .inputs = {normal({3, 7}), normal({5, 7}), normal({7})},
                                       .code = ErrorCode::kShapeMismatch,
                                       .says = "one bias per row of W"},
                                      {.name = "no such axis",
                                       .args = {{"axis", 3}},
                                       .inputs = {normal({3, 7}), normal({5, 7}), normal({5})},
                                       .code = ErrorCode::kInvalidArgument,
                                       .says = "axis 3"},
                                      {.name = "types differ",
                                       .inputs = {normal({3, 7}), integers<int32_t>({5, 7}, 0, 5),
                                                  normal({5})},
                                       .code = ErrorCode::kTypeMismatch,
                                       .says = "int32"},
                                  });

}  // namespace
}  // namespace headrace::testing
