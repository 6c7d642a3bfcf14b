#include "core/registry.h"
#include "operators/elementwise.cuh"
#include "operators/formulas.h"
#include "operators/strided_walk.cuh"

namespace headrace {
namespace {

template <typename Op>
struct Apply {
  template <typename T>
  __device__ T operator()(T a, T b) const {
    return Op::apply(a, b);
  }
};

/// With an operand of one element, which is on the device.
template <typename Op, typename T, bool kScalarIsA>
struct ApplyScalar {
  const T* scalar;
  __device__ T operator()(T x) const {
    return kScalarIsA ? Op::apply(*scalar, x) : Op::apply(x, *scalar);
  }
};

template <typename Op, typename T>
__global__ void broadcast_kernel(StridedWalk walk, const T* a, const T* b, T* y) {
  for (int64_t i = cuda::first_item(); i < walk.count; i += cuda::item_stride()) {
    const StridedWalk::Place place = walk.place(i);
    y[place.walked] = Op::apply(a[place.operand[0]], b[place.operand[1]]);
  }
}

template <typename Op, typename T>
void launch_binary(Stream stream, const StridedWalk& walk, const T* a, const T* b, T* y) {
  const auto steps = [&](int64_t of_a, int64_t of_b) {
    return walk.rank == 1 && walk.strides[1][0] == of_a && walk.strides[2][0] == of_b;
  };
  if (steps(1, 1)) {
    launch_map2(stream, walk.count, Apply<Op>{}, a, b, y);
  } else if (steps(1, 0)) {
    launch_map(stream, walk.count, ApplyScalar<Op, T, false>{b}, a, y);
  } else if (steps(0, 1)) {
    launch_map(stream, walk.count, ApplyScalar<Op, T, true>{a}, b, y);
  } else {
    cuda::launch(stream, cuda::grid_for(walk.count, stream.device), cuda::kBlock,
                 broadcast_kernel<Op, T>, walk, a, b, y);
  }
}

template <typename Op, typename... Ts>
std::unique_ptr<Kernel> prepare_binary(const PrepareContext& prepare, Types<Ts...> types) {
  const Broadcast shapes =
      broadcast_of(prepare.args, prepare.inputs[0].shape, prepare.inputs[1].shape);
  const StridedWalk walk =
      whole_walk(StridedLoop(prepare.outputs[0], {{&prepare.inputs[0], shapes.a_axis},
                                                  {&prepare.inputs[1], shapes.b_axis}}));
  return dispatch(types, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel([walk](OpContext& context) {
      launch_binary<Op>(context.stream, walk, context.input<T>(0), context.input<T>(1),
                        context.output<T>(0));
    });
  });
}

/// What the chain rule gives for one element.
template <typename Op, bool kToA, typename T>
struct Term {
  const T* dc;
  const T* a;
  const T* b;
  const T* c;  // null where the gradient does not need it

  __device__ T at(const StridedWalk::Place& place) const {
    const T dy = dc[place.walked];
    const T y = c != nullptr ? c[place.walked] : dy;
    const T x0 = a[place.operand[0]];
    const T x1 = b[place.operand[1]];
    return kToA ? Op::to_a(dy, x0, x1, y) : Op::to_b(dy, x0, x1, y);
  }
};

/// The target, operand 2 of the walk, has an element for each step.
template <typename Term, typename T>
__global__ void gradient_kernel(StridedWalk walk, Term term, T* target) {
  for (int64_t i = cuda::first_item(); i < walk.count; i += cuda::item_stride()) {
    const StridedWalk::Place place = walk.place(i);
    target[place.operand[2]] = term.at(place);
  }
}

/// One block per element of the target sums what it was repeated for, in an order that only the
/// shapes decide: each thread every blockDim.x-th term, then the threads in pairs.
template <typename Term, typename T>
__global__ void reduced_gradient_kernel(StridedWalk kept, StridedWalk repeated, Term term,
                                        T* target) {
  __shared__ T sums[cuda::kBlock];
  const StridedWalk::Place base = kept.place(blockIdx.x);
  T sum = 0;
  for (int64_t i = threadIdx.x; i < repeated.count; i += blockDim.x) {
    StridedWalk::Place place = repeated.place(i);
    place.walked += base.walked;
    for (int k = 0; k < StridedWalk::kOperands; ++k) place.operand[k] += base.operand[k];
    sum += term.at(place);
  }
  sums[threadIdx.x] = sum;
  for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
  }
  if (threadIdx.x == 0) target[base.operand[2]] = sums[0];
}

/// The gradient of one operand. Like its CPU sibling, in two parts: as it lies, or summed.
template <typename Op, bool kToA>
class OperandGradient {
 public:
  OperandGradient(const PrepareContext& prepare, const Broadcast& shapes, int output)
      : output_(output) {
    const StridedLoop loop(prepare.inputs[0],
                           {{&prepare.inputs[1], shapes.a_axis},
                            {&prepare.inputs[2], shapes.b_axis},
                            {&prepare.outputs[output], kToA ? shapes.a_axis : shapes.b_axis}});
    covers_ = loop.covers(2);
    kept_ = walk_of(loop, [&](int axis) { return covers_ || loop.stride(2, axis) != 0; });
    repeated_ = walk_of(loop, [&](int axis) { return !covers_ && loop.stride(2, axis) == 0; });
  }

  template <typename T>
  void launch(OpContext& context) const {
    T* target = context.output<T>(output_);
    if (target == nullptr) return;
    const Term<Op, kToA, T> term{context.input<T>(0), context.input<T>(1), context.input<T>(2),
                                 context.inputs() > 3 ? context.input<T>(3) : nullptr};
    if (covers_) {
      cuda::launch(context.stream, cuda::grid_for(kept_.count, context.stream.device), cuda::kBlock,
                   gradient_kernel<Term<Op, kToA, T>, T>, kept_, term, target);
    } else {
      unsigned block = 1;
      while (block < cuda::kBlock && block < repeated_.count) block *= 2;
      cuda::launch(context.stream, static_cast<unsigned>(kept_.count), block,
                   reduced_gradient_kernel<Term<Op, kToA, T>, T>, kept_, repeated_, term, target);
    }
  }

 private:
  int output_;
  bool covers_;
  StridedWalk kept_;
  StridedWalk repeated_;
};

template <typename Op>
std::unique_ptr<Kernel> prepare_binary_gradient(const PrepareContext& prepare) {
  const Broadcast shapes =
      broadcast_of(prepare.args, prepare.inputs[1].shape, prepare.inputs[2].shape);
  const OperandGradient<Op, true> to_a(prepare, shapes, 0);
  const OperandGradient<Op, false> to_b(prepare, shapes, 1);
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel([to_a, to_b](OpContext& context) {
      // B first: the gradient of A may lie in the storage of that of C.
      to_b.template launch<T>(context);
      to_a.template launch<T>(context);
    });
  });
}

/// A kernel cannot say that an integer was divided by zero.
std::unique_ptr<Kernel> prepare_div(const PrepareContext& prepare) {
  require(has_type(FloatTypes{}, prepare.inputs[0].dtype), ErrorCode::kUnsupported,
          "integers are divided on the CPU only, where a division by zero is an error; found {}",
          prepare.inputs[0].to_string());
  return prepare_binary<formula::Div>(prepare, FloatTypes{});
}

const RegisterCudaKernel add("Add", [](const PrepareContext& prepare) {
  return prepare_binary<formula::Add>(prepare, NumberTypes{});
});
const RegisterCudaKernel sub("Sub", [](const PrepareContext& prepare) {
  return prepare_binary<formula::Sub>(prepare, NumberTypes{});
});
const RegisterCudaKernel mul("Mul", [](const PrepareContext& prepare) {
  return prepare_binary<formula::Mul>(prepare, NumberTypes{});
});
const RegisterCudaKernel div_cuda("Div", prepare_div);

const RegisterCudaKernel add_gradient("AddGradient", prepare_binary_gradient<formula::Add>);
const RegisterCudaKernel sub_gradient("SubGradient", prepare_binary_gradient<formula::Sub>);
const RegisterCudaKernel mul_gradient("MulGradient", prepare_binary_gradient<formula::Mul>);
const RegisterCudaKernel div_gradient("DivGradient", prepare_binary_gradient<formula::Div>);

}  // namespace
}  // namespace headrace
