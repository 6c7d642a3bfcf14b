// Fillers that draw random numbers. Element i of the output depends on the run's seed, the
// operator, the step and i alone, so that it is the same at every width.

#include <cmath>

#include "core/error.h"
#include "core/proto/tensor_proto.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/fill_shape.h"
#include "operators/parts.h"

namespace headrace {
namespace {

/// Random numbers come in blocks of two or four; parts end where blocks do.
constexpr int64_t kGrain = 64;

void fill_uniform(OpContext& context, int width, int64_t count, float low, float high) {
  Rng rng = context.rng();
  float* y = context.output<float>(0);
  // In double, so that rounding cannot reach `high`.
  double span = double{high} - double{low};
  float last = std::nextafter(high, low);
  auto value = [&](uint32_t word) {
    return std::min(static_cast<float>(low + span * double{Rng::to_unit(word)}), last);
  };
  for_parts(
      width, count,
      [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i += 4) {
          auto words = rng.block(static_cast<uint64_t>(i) / 4);
          for (int64_t k = i; k < std::min(i + 4, end); ++k) y[k] = value(words[k - i]);
        }
      },
      kGrain);
}

void fill_normal(OpContext& context, int width, int64_t count, float mean, float deviation) {
  Rng rng = context.rng();
  float* y = context.output<float>(0);
  for_parts(
      width, count,
      [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i += 2) {
          auto pair = rng.normal_pair(static_cast<uint64_t>(i) / 2);
          y[i] = mean + deviation * pair[0];
          if (i + 1 < end) y[i + 1] = mean + deviation * pair[1];
        }
      },
      kGrain);
}

TensorType infer_float(const InferContext& context) {
  require(dtype_of_proto(context.args.integer("dtype")) == DType::kFloat32,
          ErrorCode::kInvalidArgument, "random fillers make float32 (dtype 1), found dtype {}",
          context.args.integer("dtype"));
  return {DType::kFloat32, fill_shape(context)};
}

void require_fill_rank(const TensorType& type, int rank) {
  if (!type.shape) return;
  require(type.shape->rank() >= rank, ErrorCode::kShapeMismatch,
          "the shape to fill needs at least {} {} to have a fan, found {}", rank,
          rank == 1 ? "dimension" : "dimensions", type.shape->to_string());
}

OpSchema declare_random(const char* type, const char* doc) {
  OpSchema schema(type);
  declare_fill_shape(schema.doc(doc))
      .arg("dtype", 1, "element type as in TensorProto.DataType; only 1, float32")
      .random()
      .no_gradient()
      .cost([](const CostContext& context) {
        double count = static_cast<double>(context.outputs[0].shape.numel());
        return Cost{40 * count, 4 * count};
      });
  return schema;
}

std::vector<TensorType> infer_gaussian(const InferContext& context) {
  require(context.args.real("std") >= 0, ErrorCode::kInvalidArgument,
          "a standard deviation must not be negative, found {}", context.args.real("std"));
  return {infer_float(context)};
}

const RegisterOperator gaussian_fill(declare_random("GaussianFill",
                                                    "Normally distributed elements.")
                                         .arg("mean", 0.0f)
                                         .arg("std", 1.0f, "standard deviation")
                                         .infer(infer_gaussian));
const RegisterCpuKernel gaussian_fill_cpu("GaussianFill", [](const PrepareContext& prepare) {
  return make_kernel([mean = prepare.args.real("mean"), deviation = prepare.args.real("std"),
                      count = prepare.outputs[0].shape.numel(),
                      width = prepare.width](OpContext& context) {
    fill_normal(context, width, count, mean, deviation);
  });
});

void check_range(float low, float high) {
  require(low < high, ErrorCode::kInvalidArgument,
          "uniform numbers need min < max, found min {} and max {}", low, high);
}

std::vector<TensorType> infer_uniform(const InferContext& context) {
  if (context.inputs.size() == 3) {
    for (int i : {1, 2}) {
      require_type(context, i, Types<float>{});
      require_single(context, i);
    }
  } else {
    require(context.inputs.size() < 2, ErrorCode::kInvalidArgument,
            "UniformFill takes min and max as inputs together, found only min");
    check_range(context.args.real("min"), context.args.real("max"));
  }
  return {infer_float(context)};
}

const RegisterOperator uniform_fill(declare_random("UniformFill", "Elements uniform in [min, max).")
                                        .optional_input("min",
                                                        "one element; instead of the argument")
                                        .optional_input("max",
                                                        "one element; instead of the argument")
                                        .arg("min", 0.0f)
                                        .arg("max", 1.0f)
                                        .infer(infer_uniform));
const RegisterCpuKernel uniform_fill_cpu("UniformFill", [](const PrepareContext& prepare) {
  return make_kernel([low = prepare.args.real("min"), high = prepare.args.real("max"),
                      count = prepare.outputs[0].shape.numel(),
                      width = prepare.width](OpContext& context) {
    bool given = context.inputs() == 3;
    float min = given ? context.input<float>(1)[0] : low;
    float max = given ? context.input<float>(2)[0] : high;
    check_range(min, max);
    fill_uniform(context, width, count, min, max);
  });
});

std::vector<TensorType> infer_xavier(const InferContext& context) {
  TensorType type = infer_float(context);
  require_fill_rank(type, 1);
  return {type};
}

const RegisterOperator xavier_fill(
    declare_random("XavierFill",
                   "Elements uniform in [-s, s) with s = sqrt(3 / fan_in); fan_in is the number of "
                   "elements per unit of the first dimension (Glorot and Bengio 2010).")
        .infer(infer_xavier));
const RegisterCpuKernel xavier_fill_cpu("XavierFill", [](const PrepareContext& prepare) {
  const Shape& shape = prepare.outputs[0].shape;
  float scale = std::sqrt(3.0f / static_cast<float>(shape.product(1, shape.rank())));
  return make_kernel([scale, count = shape.numel(), width = prepare.width](OpContext& context) {
    fill_uniform(context, width, count, -scale, scale);
  });
});

std::vector<TensorType> infer_msra(const InferContext& context) {
  TensorType type = infer_float(context);
  require_fill_rank(type, 2);
  return {type};
}

const RegisterOperator msra_fill(
    declare_random("MSRAFill",
                   "Normally distributed elements of mean 0 and standard deviation "
                   "sqrt(2 / fan_out); fan_out is the number of elements per unit of the second "
                   "dimension (He et al. 2015).")
        .infer(infer_msra));
const RegisterCpuKernel msra_fill_cpu("MSRAFill", [](const PrepareContext& prepare) {
  const Shape& shape = prepare.outputs[0].shape;
  auto fan_out = static_cast<float>(shape[0] * shape.product(2, shape.rank()));
  return make_kernel([deviation = std::sqrt(2.0f / fan_out), count = shape.numel(),
                      width = prepare.width](OpContext& context) {
    fill_normal(context, width, count, 0.0f, deviation);
  });
});

}  // namespace
}  // namespace headrace
