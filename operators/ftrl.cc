// Ftrl and GFtrl: updates that make parameters exactly 0.

#include <cmath>

#include "core/error.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/parts.h"

namespace headrace {
namespace {

/// Arguments of FTRL-proximal (McMahan et al., Ad Click Prediction, 2013, algorithm 1).
struct FtrlArgs {
  float alpha, beta, lambda1, lambda2;

  static OpSchema& declare(OpSchema& schema) {
    return schema.arg("alpha", 0.005f, "the rate")
        .arg("beta", 1.0f)
        .arg("lambda1", 0.001f, "factor of the absolute values")
        .arg("lambda2", 0.001f, "factor of the squares");
  }
  static FtrlArgs of(const Args& args) {
    FtrlArgs result{args.real("alpha"), args.real("beta"), args.real("lambda1"),
                    args.real("lambda2")};
    require(result.alpha > 0, ErrorCode::kInvalidArgument, "alpha must be above 0, found {}",
            result.alpha);
    return result;
  }
};

std::vector<TensorType> infer_ftrl(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  require_same_type(context, 1, 0);
  require_count(context, 1, 2 * context.shape(0).numel());
  require_same_type(context, 2, 0);
  require_same_shape(context, 2, 0);
  FtrlArgs::of(context.args);
  if (context.inputs.size() > 3) {
    require(!context.args.has("alpha"), ErrorCode::kInvalidArgument,
            "alpha is input 3; leave out the argument 'alpha'");
    require_same_type(context, 3, 0);
    require_single(context, 3);
  }
  return {context.inputs[0], context.inputs[1]};
}

OpSchema ftrl_schema(const char* type, const char* doc) {
  OpSchema schema(type);
  schema.doc(doc)
      .input("parameter")
      .input("sums", "for each element the pair n, z: two elements each")
      .input("gradient")
      .optional_input("alpha", "one element, instead of the argument")
      .output("parameter")
      .output("sums")
      .inplace(0, 0)
      .inplace(1, 1)
      .infer(infer_ftrl)
      .cost([](const CostContext& context) {
        return Cost{15 * static_cast<double>(context.inputs[0].shape.numel()),
                    context.operand_bytes()};
      })
      .no_gradient();
  return FtrlArgs::declare(schema);
}

/// n' and z' of one element.
template <typename T>
struct FtrlSums {
  T n, z;
  static FtrlSums next(T n, T z, T parameter, T gradient, T alpha) {
    const T sum = n + gradient * gradient;
    return {sum, z + gradient - (std::sqrt(sum) - std::sqrt(n)) / alpha * parameter};
  }
};

const RegisterOperator ftrl(ftrl_schema(
    "Ftrl",
    "n' = n + g^2; z' = z + g - (sqrt(n') - sqrt(n)) / alpha * parameter; parameter' = 0 where "
    "|z'| "
    "<= lambda1, else -(z' - sign(z') * lambda1) / ((beta + sqrt(n')) / alpha + lambda2)."));
const RegisterCpuKernel ftrl_cpu("Ftrl", [](const PrepareContext& prepare) {
  const FtrlArgs given = FtrlArgs::of(prepare.args);
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel([given, count = prepare.inputs[0].shape.numel(),
                        width = prepare.width](OpContext& context) {
      const T* parameter = context.input<T>(0);
      const T* sums = context.input<T>(1);
      const T* gradient = context.input<T>(2);
      const T alpha = context.inputs() > 3 ? *context.input<T>(3) : T{given.alpha};
      T* new_parameter = context.output<T>(0);
      T* new_sums = context.output<T>(1);
      for_parts(width, count, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const auto next =
              FtrlSums<T>::next(sums[2 * i], sums[2 * i + 1], parameter[i], gradient[i], alpha);
          const T l1 = given.lambda1, bound = std::copysign(l1, next.z);
          const T scale = (T{given.beta} + std::sqrt(next.n)) / alpha + T{given.lambda2};
          if (new_parameter != nullptr) {
            new_parameter[i] = std::abs(next.z) > l1 ? (bound - next.z) / scale : T{0};
          }
          if (new_sums == nullptr) continue;
          new_sums[2 * i] = next.n;
          new_sums[2 * i + 1] = next.z;
        }
      });
    });
  });
});

const RegisterOperator gftrl(
    ftrl_schema("GFtrl",
                "Ftrl with a group for each column of the parameter, read as a matrix of its first "
                "axis: with |z'| "
                "the norm of a column of z', parameter' = 0 where |z'| <= lambda1 * sqrt(rows), "
                "else z' * (lambda1 "
                "* sqrt(rows) / |z'| - 1) / ((beta + sqrt(n')) / alpha + lambda2)."));
const RegisterCpuKernel gftrl_cpu("GFtrl", [](const PrepareContext& prepare) {
  const FtrlArgs given = FtrlArgs::of(prepare.args);
  const Shape& shape = prepare.inputs[0].shape;
  const int64_t rows = shape.rank() == 0 ? 1 : shape[0];
  const int64_t columns = rows == 0 ? 0 : shape.numel() / rows;
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel([given, rows, columns, width = prepare.width](OpContext& context) {
      const T* parameter = context.input<T>(0);
      const T* sums = context.input<T>(1);
      const T* gradient = context.input<T>(2);
      const T alpha = context.inputs() > 3 ? *context.input<T>(3) : T{given.alpha};
      T* new_parameter = context.output<T>(0);
      T* new_sums = context.output<T>(1);
      const double bound = double{given.lambda1} * std::sqrt(static_cast<double>(rows));
      for_parts(width, columns, [&](int64_t begin, int64_t end) {
        for (int64_t column = begin; column < end; ++column) {
          auto next = [&](int64_t i) {
            return FtrlSums<T>::next(sums[2 * i], sums[2 * i + 1], parameter[i], gradient[i],
                                     alpha);
          };
          double squares = 0;
          for (int64_t row = 0; row < rows; ++row) {
            const double z = next(row * columns + column).z;
            squares += z * z;
          }
          const double norm = std::sqrt(squares);
          const T factor = norm > bound ? static_cast<T>(bound / norm - 1) : T{0};
          for (int64_t row = 0; row < rows; ++row) {
            const int64_t i = row * columns + column;
            const auto sum = next(i);
            const T scale = (T{given.beta} + std::sqrt(sum.n)) / alpha + T{given.lambda2};
            if (new_parameter != nullptr) new_parameter[i] = sum.z * factor / scale;
            if (new_sums == nullptr) continue;
            new_sums[2 * i] = sum.n;
            new_sums[2 * i + 1] = sum.z;
          }
        }
      });
    });
  });
});

}  // namespace
}  // namespace headrace
