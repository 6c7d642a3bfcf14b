"""Normalisations, factors per channel and losses per row."""
import numpy as np

from . import Case, cases, chance, floats, number, pick, shape


@cases("SquaredL2Distance")
def squared_l2_distance(rng, op):
    dims = shape(rng, 1, 4)
    return Case([floats(rng, dims), floats(rng, dims)], gradients=(0, 1) if np.prod(dims) else ())


@cases("SigmoidCrossEntropyWithLogits")
def cross_entropy(rng, op):
    dims = shape(rng, 0, 4, zero=0)
    args = pick(rng, {}, {"log_D_trick": 1}, {"unjoined_lr_loss": 1})
    targets = rng.uniform(0, 1, dims).astype(np.float32) if dims else np.array(rng.uniform(), np.float32)
    return Case([floats(rng, dims, pick(rng, 1, 10)), targets], args, gradients=(0,))


@cases("Normalize")
def normalize(rng, op):
    dims = shape(rng, 1, 4, zero=0)
    args = {"axis": int(rng.randint(-len(dims), len(dims)))} if chance(rng) else {}
    # One element along the axis has a gradient of 0, and the rest of a difference in Caffe2.
    axis = args.get("axis", -1)
    return Case([floats(rng, dims)], args, gradients=(0,) if dims[axis] > 1 else (), gradient_tolerance=1e-4)


@cases("ElementwiseLinear")
def elementwise_linear(rng, op):
    dims = shape(rng, 2, 4, zero=0)
    axis = int(rng.randint(0, len(dims)))
    size = int(np.prod(dims[axis:]))
    args = {"axis": axis} if axis != 1 or chance(rng) else {}
    return Case([floats(rng, dims), floats(rng, (size,)), floats(rng, (size,))], args, gradients=(0, 1, 2))


def image(rng, low=2, high=5):
    dims = shape(rng, low, high, zero=0)
    order = pick(rng, "NCHW", "NHWC")
    return dims, order, dims[1] if order == "NCHW" else dims[-1]


@cases("AffineChannel")
def affine_channel(rng, op):
    dims, order, channels = image(rng)
    args = {"order": order}
    gradients = (0,)
    if chance(rng):
        args["is_learnable"] = 1
        gradients = (0, 1, 2)
    return Case([floats(rng, dims), floats(rng, (channels,)), floats(rng, (channels,))], args, gradients=gradients)


def spread(dims, order, channels):
    """Gradients of groups of few elements are what rounding leaves of a difference."""
    return np.prod(dims[2:] if order == "NCHW" else dims[1:-1]) > 3


@cases("InstanceNorm")
def instance_norm(rng, op):
    dims, order, channels = image(rng, 3)
    args = {"order": order}
    if chance(rng):
        args["epsilon"] = number(rng, 1e-4, 0.1)
    inputs = [floats(rng, dims), floats(rng, (channels,)), floats(rng, (channels,))]
    gradients = (0, 1, 2) if spread(dims, order, channels) else ()
    return Case(inputs, args, outputs=pick(rng, 1, 3), gradients=gradients, cotangents=[0], tolerance=3e-5, gradient_tolerance=3e-4)


@cases("GroupNorm")
def group_norm(rng, op):
    groups, per_group = int(rng.randint(1, 4)), int(rng.randint(1, 4))
    channels = groups * per_group
    spatial = shape(rng, 0, 3, zero=0)
    order = pick(rng, "NCHW", "NHWC")
    dims = (2, channels) + spatial if order == "NCHW" else (2,) + spatial + (channels,)
    args = {"group": groups, "order": order}
    if chance(rng):
        args["epsilon"] = number(rng, 1e-4, 0.1)
    inputs = [floats(rng, dims), floats(rng, (channels,)), floats(rng, (channels,))]
    if chance(rng, 0.3):
        return Case(inputs, args, tolerance=3e-5)
    args["is_test"] = 0
    gradients = (0, 1, 2) if per_group * np.prod(spatial) > 3 else ()
    return Case(inputs, args, outputs=3, gradients=gradients, cotangents=[0], tolerance=3e-5, gradient_tolerance=3e-4)


@cases("LayerNorm")
def layer_norm(rng, op):
    dims = shape(rng, 2, 4, zero=0)
    axis = int(rng.randint(0, len(dims)))
    args = {"axis": axis} if axis != 1 or chance(rng) else {}
    if chance(rng):
        args["epsilon"] = number(rng, 1e-4, 0.1)
    size = int(np.prod(dims[axis:]))
    inputs, gradients = [floats(rng, dims)], (0,)
    if chance(rng):
        args["elementwise_affine"] = 1
        inputs += [floats(rng, (size,)), floats(rng, (size,))]
        gradients = (0, 1, 2)
    return Case(inputs, args, outputs=3, gradients=gradients if size > 3 else (), cotangents=[0], tolerance=3e-5, gradient_tolerance=3e-4)
