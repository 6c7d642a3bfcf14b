#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

const OperatorSamples to_nhwc(
    "NCHW2NHWC", {
                     {.name = "image", .inputs = {normal({2, 3, 4, 5})}, .gradients = {0}},
                     {.name = "one axis", .inputs = {normal({2, 3, 4})}, .gradients = {0}},
                     {.name = "three axes", .inputs = {normal({2, 3, 2, 2, 2})}, .gradients = {0}},
                     {.name = "no images", .inputs = {normal({0, 3, 4, 5})}},
                 });

const OperatorSamples to_nchw(
    "NHWC2NCHW", {
                     {.name = "image", .inputs = {normal({2, 4, 5, 3})}, .gradients = {0}},
                     {.name = "one axis", .inputs = {normal({2, 4, 3})}, .gradients = {0}},
                 });

const OperatorErrors errors("NCHW2NHWC", {{.name = "matrix",
                                           .inputs = {normal({2, 3})},
                                           .code = ErrorCode::kShapeMismatch,
                                           .says = "must be an image"}});

}  // namespace
}  // namespace headrace::testing
