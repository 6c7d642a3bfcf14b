"""Reductions and matrix products."""
import numpy as np

from . import Case, cases, chance, floats, integers, number, pick, shape


@cases("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin")
def reduce_axes(rng, op):
    dims = shape(rng, 0, 4, zero=0 if op in ("ReduceMax", "ReduceMin") else 0.05)
    args = {}
    if dims and chance(rng, 0.8):
        args["axes"] = [int(v) for v in rng.permutation(len(dims))[:rng.randint(1, len(dims) + 1)]]
        if chance(rng, 0.3):
            args["axes"] = [a - len(dims) for a in args["axes"]]
    if chance(rng):
        args["keepdims"] = int(chance(rng))
    if op != "ReduceMean" and chance(rng, 0.2):
        return Case([integers(rng, dims, -9, 9, pick(rng, np.int32, np.int64))], args)
    return Case([floats(rng, dims)], args, gradients=(0,))


@cases("ReduceFrontSum", "ReduceFrontMean", "ReduceBackSum", "ReduceBackMean")
def reduce_side(rng, op):
    dims = shape(rng, 1, 4, zero=0)
    count = int(rng.randint(0, len(dims) + 1))
    args = {"num_reduce_dim": count} if count != 1 or chance(rng) else {}
    front = "Front" in op
    kept = dims[count:] if front else dims[:len(dims) - count]
    terms = int(np.prod(dims[:count] if front else dims[len(dims) - count:], dtype=int))
    x = floats(rng, dims)
    if chance(rng, 0.4):
        # With length 0 Caffe2 counts the first term all the same.
        lengths = integers(rng, (int(np.prod(kept, dtype=int)),), 1, terms + 1)
        return Case([x, lengths], args, gradients=(0,))
    return Case([x], args, gradients=(0,))


@cases("SumReduceLike")
def sum_reduce_like(rng, op):
    dims = shape(rng, 1, 4, zero=0)
    first = int(rng.randint(0, len(dims) + 1))
    last = int(rng.randint(first, len(dims) + 1))
    args = {"axis": first} if last != len(dims) else {}
    return Case([floats(rng, dims), floats(rng, dims[first:last])], args)


@cases("Pow")
def pow_(rng, op):
    dims = shape(rng, 1, 4, zero=0)
    x = (np.abs(floats(rng, dims)) + np.float32(0.3)).astype(np.float32)
    if chance(rng, 0.3):
        return Case([x], {"exponent": number(rng, -2, 3)}, gradients=(0,), gradient_tolerance=1e-4)
    if chance(rng, 0.3):
        return Case([x, floats(rng, dims)], gradients=(0, 1), gradient_tolerance=1e-4)
    first = int(rng.randint(0, len(dims)))
    last = int(rng.randint(first + 1, len(dims) + 1))
    args = {"broadcast": 1}
    if last != len(dims) or chance(rng):
        args["axis"] = first
    return Case([x, floats(rng, dims[first:last])], args, gradients=(0, 1), gradient_tolerance=1e-4)


def sizes(rng, count):
    return [int(rng.randint(1, 6)) for _ in range(count)]


@cases("MatMul")
def mat_mul(rng, op):
    m, k, n = sizes(rng, 3)
    k2 = int(rng.randint(1, 3))
    a, b, args = [m, k * k2], [k * k2, n], {}
    if chance(rng, 0.3):
        a, args["axis_a"] = [m, 2, k * k2], 2
    if chance(rng):
        a = a[::-1] if "axis_a" not in args else [k * k2, m, 2]
        args["trans_a"] = 1
        if "axis_a" in args:
            args["axis_a"] = 1
    if chance(rng):
        b, args["trans_b"] = b[::-1], 1
    inputs = [floats(rng, tuple(a)), floats(rng, tuple(b))]
    rows = m * 2 if len(a) == 3 else m
    if chance(rng, 0.2):
        inputs.append(floats(rng, (n, rows)))
    # Caffe2's gradients fit matrices only.
    return Case(inputs, args, gradients=(0, 1) if len(a) == 2 and len(inputs) == 2 else ())


@cases("BatchMatMul")
def batch_mat_mul(rng, op):
    m, k, n = sizes(rng, 3)
    args = {}
    batch = tuple(sizes(rng, rng.randint(0, 3)))
    a, b = (m, k), (k, n)
    if chance(rng):
        a, args["trans_a"] = a[::-1], 1
    if chance(rng):
        b, args["trans_b"] = b[::-1], 1
    if chance(rng, 0.4):
        args["broadcast"] = 1
        left = tuple(1 if chance(rng, 0.3) else n for n in batch[rng.randint(0, len(batch) + 1):])
        return Case([floats(rng, left + a), floats(rng, batch + b)], args)
    return Case([floats(rng, batch + a), floats(rng, batch + b)], args, gradients=(0, 1))
