"""Functions of one tensor, comparisons, logic and broadcasting."""
import numpy as np

from . import Case, cases, chance, floats, integers, number, pick, shape


def function(rng, args=None, gradient=True, inplace=True, positive=False, **more):
    x = floats(rng, shape(rng), pick(rng, 0.5, 1, 5))
    if positive:
        x = np.abs(x) + np.float32(0.1)
    if inplace and chance(rng, 0.2):
        return Case([x], args, inplace=[(0, 0)])
    return Case([x], args, gradients=(0,) if gradient else (), **more)


@cases("Elu", "LeakyRelu")
def with_alpha(rng, op):
    return function(rng, {"alpha": number(rng, 0.1, 2)} if chance(rng) else {})


@cases("Selu")
def selu(rng, op):
    return function(rng, {"alpha": number(rng, 0.1, 2), "scale": number(rng, 1.01, 2)} if chance(rng) else {})


@cases("HardSigmoid")
def hard_sigmoid(rng, op):
    return function(rng, {"alpha": number(rng, 0.1, 1), "beta": number(rng, 0, 1)} if chance(rng) else {})


@cases("Gelu")
def gelu(rng, op):
    return function(rng, {"fast_gelu": int(chance(rng))} if chance(rng) else {}, inplace=False, gradient_tolerance=1e-4)


@cases("Swish", "Softplus")
def not_inplace(rng, op):
    return function(rng, inplace=False)


@cases("Softsign", "Exp", "Abs", "Negative", "Sigmoid", "Tanh", "Relu")
def plain(rng, op):
    return function(rng, gradient_tolerance=1e-4)


@cases("Sqr")
def sqr(rng, op):
    # Scales a copy of the gradient, where Caffe2 overwrites it.
    return function(rng, own_gradient_operators=True)


@cases("Log", "Sqrt")
def positive(rng, op):
    return function(rng, positive=True, inplace=op != "Sqrt" or chance(rng))


@cases("Clip")
def clip(rng, op):
    args = {}
    if chance(rng, 0.7):
        args["min"] = number(rng, -2, 0)
    if chance(rng, 0.7):
        args["max"] = number(rng, 0, 2)
    return function(rng, args)


@cases("Scale")
def scale(rng, op):
    return function(rng, {"scale": number(rng, -2, 2)} if chance(rng) else {})


@cases("NegateGradient")
def negate_gradient(rng, op):
    return function(rng, inplace=False)


@cases("PRelu")
def prelu(rng, op):
    dims = shape(rng, 2, 5)
    order = pick(rng, "NCHW", "NHWC")
    channels = dims[1] if order == "NCHW" else dims[-1]
    slopes = 1 if chance(rng, 0.3) else channels
    args = {"order": order} if order == "NHWC" or chance(rng) else {}
    x, slope = floats(rng, dims), floats(rng, (slopes,))
    if chance(rng, 0.2):
        return Case([x, slope], args, inplace=[(0, 0)])
    # With no elements Caffe2 leaves the slope's gradient as it was.
    return Case([x, slope], args, gradients=(0, 1) if x.size else ())


def broadcast(rng, numpy_only=False):
    """(args, shape of A, shape of B)."""
    a = shape(rng, 0, 4)
    if numpy_only or chance(rng):
        b = tuple(1 if chance(rng, 0.3) else n for n in a[rng.randint(0, len(a) + 1):])
        a = tuple(1 if chance(rng, 0.2) else n for n in a)
        args = {} if chance(rng) else {"broadcast": 0}
        return (args, b, a) if chance(rng, 0.3) else (args, a, b)
    first = rng.randint(0, len(a) + 1)
    last = rng.randint(first, len(a) + 1)
    args = {"broadcast": 1}
    if last != len(a) or chance(rng):
        args["axis"] = int(first)
    else:
        last = len(a)
    return args, a, a[first:last]


def operands(rng, op, make, gradients=()):
    args, a, b = broadcast(rng)
    inputs = [make(a), make(b)]
    if "axis" in args and args["axis"] == -1:
        del args["axis"]
    return Case(inputs, args, gradients=gradients if inputs[0].size and inputs[1].size else ())


@cases("Add", "Sub", "Mul")
def arithmetic(rng, op):
    if chance(rng, 0.2):
        dtype = pick(rng, np.int32, np.int64)
        return operands(rng, op, lambda dims: integers(rng, dims, -9, 9, dtype))
    return operands(rng, op, lambda dims: floats(rng, dims), (0, 1))


@cases("Div")
def division(rng, op):
    return operands(rng, op, lambda dims: (np.abs(floats(rng, dims)) + np.float32(0.5)).astype(np.float32), (0, 1))


@cases("EQ", "NE", "LT", "LE", "GT", "GE")
def comparison(rng, op):
    dtype = pick(rng, np.float32, np.float64, np.int32, np.int64, np.bool_)
    return operands(rng, op, lambda dims: integers(rng, dims, 0, 3, dtype))


@cases("And", "Or", "Xor")
def logic(rng, op):
    if chance(rng, 0.2):
        dims = shape(rng)
        return Case([integers(rng, dims, 0, 2, np.bool_) for _ in range(2)], inplace=[(0, 0)])
    return operands(rng, op, lambda dims: integers(rng, dims, 0, 2, np.bool_))


@cases("Not")
def not_(rng, op):
    return Case([integers(rng, shape(rng), 0, 2, np.bool_)])


@cases("Where")
def where(rng, op):
    dims = shape(rng, 1, 4)
    rows = chance(rng)
    dtype = pick(rng, np.float32, np.float64, np.int32, np.int64, np.bool_)
    condition = integers(rng, dims[:1] if rows else dims, 0, 2, np.bool_)
    args = {"broadcast_on_rows": 1} if rows else {}
    return Case([condition, integers(rng, dims, 0, 9, dtype), integers(rng, dims, 0, 9, dtype)], args)
