#include "operators/dnnl/matrix_product.h"

#include "operators/dnnl/describe.h"
#include "operators/few_rows.h"

namespace headrace {
namespace {

dnnl::memory::desc matrix_desc(int64_t rows, int64_t columns, bool transposed) {
  return transposed ? strided_desc({rows, columns}, {1, rows}) : plain_desc({rows, columns});
}

}  // namespace

MatrixProduct::MatrixProduct(const Problem& problem)
    : problem_(problem),
      few_rows_(problem.m <= kFewRows && !problem.transpose_a && problem.transpose_b) {
  if (few_rows_) return;
  make_at_width(problem.width, "a matrix product", [&] {
    const auto a = matrix_desc(problem.m, problem.k, problem.transpose_a);
    const auto b = matrix_desc(problem.k, problem.n, problem.transpose_b);
    const auto c = matrix_desc(problem.m, problem.n, false);
    std::vector<Primitive::Impl::Operand> operands = {
        {DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, c}};
    if (problem.bias) {
      const auto bias = plain_desc({1, problem.n});
      operands.push_back({DNNL_ARG_BIAS, bias});
      product_ = make_primitive<dnnl::matmul>(describe<dnnl::matmul>(a, b, bias, c), problem.width,
                                              operands);
    } else {
      product_ =
          make_primitive<dnnl::matmul>(describe<dnnl::matmul>(a, b, c), problem.width, operands);
    }
  });
}

void MatrixProduct::run(const float* a, const float* b, const float* bias, float* c,
                        void* scratch) const {
  if (few_rows_) {
    few_rows_product(problem_.m, problem_.k, problem_.n, a, b, problem_.bias ? bias : nullptr, c,
                     problem_.width);
    return;
  }
  product_.run({{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_BIAS, bias}, {DNNL_ARG_DST, c}},
               scratch);
}

}  // namespace headrace
