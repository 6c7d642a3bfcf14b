#include <cmath>

#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

const OperatorSamples relu(
    "Relu", {
                {.name = "image", .inputs = {apart({2, 3, 5, 4})}, .gradients = {0}},
                {.name = "vector", .inputs = {apart({150})}, .gradients = {0}},
                {.name = "scalar", .inputs = {apart({})}, .gradients = {0}},
                {.name = "empty", .inputs = {normal({0, 3})}},
                {.name = "infinities and zeros",
                 .inputs = {values<float>({5}, {-INFINITY, INFINITY, 0.0f, -0.0f, -1e-40f})}},
                {.name = "a NaN stays",
                 .inputs = {values<float>({2}, {NAN, -1})},
                 .reference = Reference::kTorch},
            });

const OperatorErrors relu_errors("Relu", {{.name = "integers",
                                           .inputs = {integers<int32_t>({3}, 0, 9)},
                                           .code = ErrorCode::kTypeMismatch,
                                           .says = "float32"}});

const OperatorErrors relu_gradient_errors("ReluGradient", {{.name = "shapes differ",
                                                            .inputs = {normal({3}), normal({4})},
                                                            .code = ErrorCode::kShapeMismatch,
                                                            .says = "same"}});

}  // namespace
}  // namespace headrace::testing
