#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

// clang-format off
const OperatorSamples expand_dims("ExpandDims", {
    {.name = "both ends", .args = {{"dims", ints({0, 2})}}, .inputs = {normal({3})}, .gradients = {0}},
    {.name = "in any order", .args = {{"dims", ints({3, 1, 1})}}, .inputs = {normal({3, 2})}, .gradients = {0}},
    {.name = "scalar", .args = {{"dims", ints({0})}}, .inputs = {normal({})}, .gradients = {0}},
    {.name = "int64", .args = {{"dims", ints({1})}}, .inputs = {integers<int64_t>({3, 2}, 0, 9)}},
    {.name = "empty", .args = {{"dims", ints({1})}}, .inputs = {normal({0, 2})}},
    {.name = "strings", .args = {{"dims", ints({0})}}, .inputs = {strings_of({2}, {"a", "bcd"})}},
});
const OperatorErrors expand_dims_errors("ExpandDims", {
    {.name = "far", .args = {{"dims", ints({3})}}, .inputs = {normal({3})}, .says = "no axis 3"},
    {.name = "negative", .args = {{"dims", ints({-1})}}, .inputs = {normal({3})}, .says = "from 0 on"},
    {.name = "none", .args = {{"dims", ints({})}}, .inputs = {normal({3})}, .says = "at least one axis"},
    {.name = "too many", .args = {{"dims", ints({0, 1, 2, 3, 4, 5, 6, 7})}}, .inputs = {normal({3})}, .says = "8 more dimensions"},
});
const OperatorSamples squeeze("Squeeze", {
    {.name = "both ends", .args = {{"dims", ints({0, 2})}}, .inputs = {normal({1, 3, 1})}, .gradients = {0}},
    {.name = "some", .args = {{"dims", ints({2, 2})}}, .inputs = {normal({1, 3, 1, 2})}, .gradients = {0}},
    {.name = "all", .args = {{"dims", ints({0})}}, .inputs = {normal({1})}, .gradients = {0}},
    {.name = "int32", .args = {{"dims", ints({0})}}, .inputs = {integers<int32_t>({1, 2}, 0, 9)}},
    {.name = "empty", .args = {{"dims", ints({1})}}, .inputs = {normal({0, 1})}},
    {.name = "strings", .args = {{"dims", ints({0})}}, .inputs = {strings_of({1, 2}, {"a", "bcd"})}},
});
const OperatorErrors squeeze_errors("Squeeze", {
    {.name = "size", .args = {{"dims", ints({1})}}, .inputs = {normal({1, 3, 1})}, .code = ErrorCode::kShapeMismatch, .says = "no axis 1 of one element"},
    {.name = "far", .args = {{"dims", ints({3})}}, .inputs = {normal({1, 3, 1})}, .code = ErrorCode::kShapeMismatch, .says = "no axis 3"},
    {.name = "negative", .args = {{"dims", ints({-1})}}, .inputs = {normal({1, 3, 1})}, .says = "from 0 on"},
});
const OperatorSamples flatten_to_vec("FlattenToVec", {
    {.name = "image", .inputs = {normal({2, 3, 4, 5})}, .gradients = {0}},
    {.name = "vector", .inputs = {normal({5})}, .gradients = {0}},
    {.name = "int32", .inputs = {integers<int32_t>({2, 3}, 0, 9)}},
    {.name = "empty", .inputs = {normal({0, 3})}},
    {.name = "strings", .inputs = {strings_of({1, 2}, {"a", "bcd"})}},
});
const OperatorErrors flatten_to_vec_errors("FlattenToVec", {
    {.name = "scalar", .inputs = {normal({})}, .code = ErrorCode::kShapeMismatch, .says = "at least one"},
});

const OperatorSamples shape("Shape", {
    {.name = "all", .inputs = {normal({2, 3})}},
    {.name = "some", .args = {{"axes", ints({2, 0, 2})}}, .inputs = {normal({2, 3, 4})}},
    {.name = "scalar", .inputs = {normal({})}},
    {.name = "strings", .inputs = {strings_of({1}, {"a"})}},
    {.name = "empty", .inputs = {normal({0, 3})}},
});
const OperatorErrors shape_errors("Shape", {
    {.name = "axis", .args = {{"axes", ints({2})}}, .inputs = {normal({2, 3})}, .says = "no axis 2"},
    {.name = "negative", .args = {{"axes", ints({-1})}}, .inputs = {normal({2, 3})}, .says = "no axis -1"},
});
std::vector<Sample> any() {
  return {{.name = "matrix", .inputs = {normal({2, 3})}}, {.name = "empty", .inputs = {normal({0, 3})}},
          {.name = "scalar", .inputs = {normal({})}}, {.name = "int64", .inputs = {integers<int64_t>({4}, 0, 9)}}};
}
const OperatorSamples size("Size", any());
const OperatorSamples is_empty("IsEmpty", any());
// clang-format on

}  // namespace
}  // namespace headrace::testing
