"""Operators whose elements are picked from their input, and those about shapes."""
import numpy as np

from . import Case, cases, chance, floats, integers, number, pick, shape

INDEX = (np.int32, np.int64)


@cases("Slice")
def slice_(rng, op):
    dims = shape(rng, 1, 4)
    axis = rng.randint(len(dims))
    size = dims[axis]
    begin = int(rng.randint(0, size + 1))
    end = int(rng.randint(begin, size + 1))
    starts, ends = [0] * (axis + 1), [-1] * (axis + 1)
    starts[axis] = begin - size - 1 if chance(rng, 0.3) else begin
    ends[axis] = end - size - 1 if chance(rng, 0.3) else end
    x = floats(rng, dims)
    gradients = (0,) if x.size and end > begin else ()
    if chance(rng):
        dtype = pick(rng, *INDEX)
        return Case([x, np.array(starts, dtype), np.array(ends, dtype)], gradients=gradients)
    return Case([x], {"starts": starts, "ends": ends}, gradients=gradients)


@cases("Tile")
def tile(rng, op):
    dims = shape(rng, 1, 4)
    axis = int(rng.randint(-len(dims), len(dims)))
    tiles = int(rng.randint(1, 4))
    x = floats(rng, dims)
    way = rng.randint(3)
    if way == 0:
        return Case([x], {"tiles": tiles, "axis": axis}, gradients=(0,))
    if way == 1:
        dtype = pick(rng, *INDEX)
        strict = dtype == np.int64 and axis != 0
        return Case([x, np.array([tiles], dtype)], {"axis": axis}, gradients=(0,), refused_here="whatever" if strict else None)
    return Case([x, np.array([tiles], pick(rng, *INDEX)), np.array([axis], pick(rng, *INDEX))], gradients=(0,))


@cases("Gather")
def gather(rng, op):
    dims = shape(rng, 1, 4, zero=0)
    axis = 0 if chance(rng) else int(rng.randint(len(dims)))
    args = {"axis": axis} if axis or chance(rng) else {}
    wrap = axis == 0 and "axis" not in args
    if chance(rng, 0.3):
        args["wrap_indices"] = wrap = int(chance(rng))
    low = -dims[axis] if wrap and chance(rng) else 0
    outer = dims[:axis]
    if axis and chance(rng, 0.3):
        args["match_outer"] = 1
        index_dims = outer + (int(rng.randint(1, 4)),)
    else:
        index_dims = shape(rng, 1, 2)
    indices = integers(rng, index_dims, low, dims[axis], pick(rng, *INDEX))
    gradients = ()
    # Caffe2's gradients know no wrapped indices, and only vectors of them on axis 0.
    if low == 0 and indices.size:
        if axis == 0 and len(index_dims) == 1:
            args["dense_gradient"] = 1
            gradients = (0,)
        elif axis > 0:
            gradients = (0,)
    return Case([floats(rng, dims), indices], args, gradients=gradients)


@cases("SparseToDense")
def sparse_to_dense(rng, op):
    count, size = int(rng.randint(0, 6)), int(rng.randint(1, 6))
    indices = integers(rng, (count,), 0, size, pick(rng, *INDEX))
    values = floats(rng, (count,) + shape(rng, 0, 2, zero=0))
    inputs = [indices, values] + ([floats(rng, (size,) + shape(rng, 0, 2))] if chance(rng) else [])
    return Case(inputs, gradients=(1,) if count else ())


@cases("ChannelShuffle")
def channel_shuffle(rng, op):
    groups, per_group = int(rng.randint(1, 4)), int(rng.randint(1, 4))
    spatial = shape(rng, 0, 3, zero=0)
    if chance(rng, 0.3):
        return Case([floats(rng, (2,) + spatial + (groups * per_group,))], {"group": groups, "order": "NHWC"}, gradients=(0,))
    return Case([floats(rng, (2, groups * per_group) + spatial)], {"group": groups}, gradients=(0,))


@cases("PadImage")
def pad_image(rng, op):
    dims = tuple(int(rng.randint(1, 5)) for _ in range(4))
    mode = pick(rng, "constant", "reflect", "edge")
    order = pick(rng, "NCHW", "NHWC")
    height, width = dims[2:] if order == "NCHW" else dims[1:3]
    most = (height - 1, width - 1) if mode == "reflect" else (3, 3)
    pads = [int(rng.randint(0, most[i % 2] + 1)) for i in range(4)]
    args = {"mode": mode, "order": order}
    if chance(rng):
        args["pads"] = pads
    elif chance(rng):
        args.update(zip(("pad_t", "pad_l", "pad_b", "pad_r"), pads))
    else:
        args["pad"] = min(pads)
    if chance(rng):
        args["value"] = number(rng, -2, 2)
    return Case([floats(rng, dims)], args, gradients=(0,))


@cases("ResizeNearest", "UpsampleBilinear")
def resize(rng, op):
    dims = tuple(int(rng.randint(1, 6)) for _ in range(4))
    height, width = number(rng, 0.4, 3), number(rng, 0.4, 3)
    order = {"order": "NHWC"} if op == "ResizeNearest" and chance(rng, 0.3) else {}
    sides = dims[1:3] if order else dims[2:]
    if any(int(np.float32(n) * np.float32(s)) == 0 for n, s in zip(sides, (height, width))):
        height = width = 1.5
    gradients = () if order else (0,)
    if chance(rng, 0.3):
        return Case([floats(rng, dims), np.array([height, width], np.float32)], order, gradients=gradients)
    return Case([floats(rng, dims)], dict(order, height_scale=height, width_scale=width), gradients=gradients)


@cases("OneHot")
def one_hot(rng, op):
    size = int(rng.randint(1, 6))
    return Case([integers(rng, (int(rng.randint(1, 6)),), 0, size, np.int64), np.array([size], np.int64)])


@cases("ArgMax", "ArgMin")
def arg_max(rng, op):
    dims = shape(rng, 1, 4, zero=0)
    args = {"axis": int(rng.randint(len(dims)))} if chance(rng) else {}
    if chance(rng):
        args["keepdims"] = int(chance(rng))
    return Case([integers(rng, dims, 0, 4, pick(rng, np.float32, np.float64, np.int32, np.int64))], args)


@cases("TopK")
def top_k(rng, op):
    dims = shape(rng, 1, 4, zero=0)
    axis = int(rng.randint(len(dims)))
    k = int(rng.randint(1, dims[axis] + 2))
    args = {"axis": axis} if axis != len(dims) - 1 or chance(rng) else {}
    x = floats(rng, dims) if chance(rng) else integers(rng, dims, 0, 3, np.float32)
    outputs = pick(rng, 2, 3)
    if chance(rng, 0.3):
        return Case([x, np.array([k], np.int64)], args, outputs=outputs, gradients=(0,), cotangents=[0])
    return Case([x], dict(args, k=k), outputs=outputs, gradients=(0,), cotangents=[0])


@cases("ExpandDims")
def expand_dims(rng, op):
    dims = shape(rng, 0, 4)
    count = int(rng.randint(1, 4))
    return Case([floats(rng, dims)], {"dims": sorted(int(v) for v in rng.permutation(len(dims) + count)[:count])}, gradients=(0,))


@cases("Squeeze")
def squeeze(rng, op):
    dims = list(shape(rng, 1, 5))
    chosen = [int(v) for v in rng.permutation(len(dims))[:rng.randint(1, len(dims) + 1)]]
    for axis in chosen:
        dims[axis] = 1
    return Case([floats(rng, tuple(dims))], {"dims": chosen}, gradients=(0,))


@cases("FlattenToVec")
def flatten_to_vec(rng, op):
    return Case([floats(rng, shape(rng, 1, 4))], gradients=(0,))


@cases("Shape")
def shape_(rng, op):
    dims = shape(rng, 0, 4)
    args = {"axes": [int(v) for v in rng.randint(0, len(dims), rng.randint(1, 4))]} if dims and chance(rng) else {}
    return Case([floats(rng, dims)], args)


@cases("Size", "IsEmpty")
def size(rng, op):
    return Case([integers(rng, shape(rng), 0, 9, pick(rng, np.float32, np.int64))])
