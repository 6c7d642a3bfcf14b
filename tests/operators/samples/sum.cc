#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

const OperatorSamples sum(
    "Sum",
    {
        {.name = "two",
         .inputs = {normal({2, 3, 4, 5}), normal({2, 3, 4, 5})},
         .gradients = {0, 1}},
        {.name = "one", .inputs = {normal({7})}, .gradients = {0}},
        {.name = "five",
         .inputs = {normal({3, 67}), normal({3, 67}), normal({3, 67}), normal({3, 67}),
                    normal({3, 67})},
         .gradients = {0, 4}},
        {.name = "int64", .inputs = {integers<int64_t>({9}, -5, 5), integers<int64_t>({9}, -5, 5)}},
        {.name = "int32", .inputs = {integers<int32_t>({9}, -5, 5), integers<int32_t>({9}, -5, 5)}},
        {.name = "scalars", .inputs = {normal({}), normal({})}, .gradients = {0, 1}},
        {.name = "empty", .inputs = {normal({0, 3}), normal({0, 3})}},
    });

const OperatorErrors sum_errors("Sum", {
                                           {.name = "shapes differ",
                                            .inputs = {normal({2, 3}), normal({3, 2})},
                                            .code = ErrorCode::kShapeMismatch,
                                            .says = "3x2"},
                                           {.name = "types differ",
                                            .inputs = {normal({2}), integers<int32_t>({2}, 0, 9)},
                                            .code = ErrorCode::kTypeMismatch,
                                            .says = "int32"},
                                           {.name = "strings",
                                            .inputs = {strings_of({1}, {"a"})},
                                            .code = ErrorCode::kTypeMismatch,
                                            .says = "string"},
                                       });

}  // namespace
}  // namespace headrace::testing
