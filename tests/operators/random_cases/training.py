"""Updates, checks, pools and statistics of training nets."""
import numpy as np

from . import Case, cases, chance, floats, number, pick, shape


def positive(rng, dims):
    return (np.abs(floats(rng, dims)) + np.float32(0.01)).astype(np.float32)


def one(rng, low, high):
    return np.array([rng.uniform(low, high)], np.float32)


def some(rng, **choices):
    return {name: number(rng, *bounds) for name, bounds in choices.items() if chance(rng)}


@cases("Adagrad")
def adagrad(rng, op):
    dims = shape(rng, 0, 3)
    args = some(rng, epsilon=(1e-5, 0.1), decay=(0.1, 1), weight_decay=(0, 0.5))
    inputs = [floats(rng, dims), positive(rng, dims), floats(rng, dims), one(rng, -1, 0)]
    if chance(rng, 0.3):
        return Case(inputs, args, outputs=2, inplace=[(0, 0)])
    return Case(inputs, args, outputs=pick(rng, 2, 3, 4))


@cases("RmsProp")
def rms_prop(rng, op):
    dims = shape(rng, 0, 3)
    inputs = [floats(rng, dims), positive(rng, dims), floats(rng, dims), one(rng, 0, 1)]
    return Case(inputs, some(rng, epsilon=(1e-5, 0.1), decay=(0.1, 1), momentum=(0, 1)), outputs=3)


@cases("Adadelta")
def adadelta(rng, op):
    dims = shape(rng, 0, 3)
    inputs = [floats(rng, dims), positive(rng, dims), positive(rng, dims), floats(rng, dims), one(rng, -1, 0)]
    return Case(inputs, some(rng, epsilon=(1e-5, 0.1), decay=(0.1, 1)), outputs=3)


@cases("Wngrad")
def wngrad(rng, op):
    dims = shape(rng, 0, 3)
    inputs = [floats(rng, dims), one(rng, 0.5, 2), floats(rng, dims), one(rng, -1, 0)]
    return Case(inputs, some(rng, epsilon=(1e-5, 0.1)), outputs=pick(rng, 2, 3, 4))


@cases("Storm")
def storm(rng, op):
    dims = shape(rng, 0, 3)
    inputs = [floats(rng, dims), floats(rng, dims), one(rng, 0.5, 2), floats(rng, dims), one(rng, -1, 0)]
    return Case(inputs, some(rng, momentum=(1, 20), beta=(0.05, 1)), outputs=3)


@cases("YellowFin")
def yellow_fin(rng, op):
    dims = shape(rng, 0, 3)
    width = int(rng.randint(1, 6))
    args = dict(some(rng, epsilon=(1e-6, 0.1)), beta=number(rng, 0.3, 0.9), curv_win_width=width,
                nesterov=int(chance(rng)), zero_debias=int(chance(rng)))
    inputs = [floats(rng, dims), floats(rng, dims), one(rng, 0, 1), one(rng, 0, 1), floats(rng, (width,)),
              floats(rng, dims), positive(rng, dims), positive(rng, (5,)), floats(rng, dims),
              np.array([rng.randint(1, 9)], np.int64)]
    # Out of place Caffe2 reads outputs that it has not written yet.
    return Case(inputs, args, outputs=8, inplace=[(i, i) for i in range(8)], tolerance=1e-4)


@cases("Ftrl", "GFtrl")
def ftrl(rng, op):
    dims = shape(rng, 1, 3, zero=0)
    inputs = [floats(rng, dims), positive(rng, dims + (2,)), floats(rng, dims)]
    return Case(inputs, some(rng, alpha=(0.05, 1), beta=(0.1, 1), lambda1=(0, 1), lambda2=(0, 1)), outputs=2)


@cases("NanCheck")
def nan_check(rng, op):
    return Case([floats(rng, shape(rng)) for _ in range(rng.randint(1, 4))], gradients=(0,))


@cases("LpPool")
def lp_pool(rng, op):
    kernel = int(rng.randint(1, 4))
    dims = tuple(int(v) for v in (rng.randint(1, 3), rng.randint(1, 4), rng.randint(kernel, 7), rng.randint(kernel, 7)))
    args = {"kernel": kernel, "stride": int(rng.randint(1, 3)), "p": pick(rng, 1.0, 2.0, 3.0, 2.5)}
    if kernel > 1 and chance(rng):
        args["pad"] = 1
    if chance(rng, 0.3):
        args["order"] = "NHWC"
        dims = (dims[0], dims[2], dims[3], dims[1])
    return Case([floats(rng, dims)], args, gradients=(0,), gradient_tolerance=1e-4)


@cases("ChannelStats")
def channel_stats(rng, op):
    dims = shape(rng, 2, 5, zero=0)
    return Case([floats(rng, dims)], {"order": pick(rng, "NCHW", "NHWC")}, outputs=2)


@cases("ChannelBackpropStats")
def channel_backprop_stats(rng, op):
    dims = shape(rng, 3, 5, zero=0)
    inputs = [floats(rng, dims), floats(rng, (dims[1],)), positive(rng, (dims[1],)), floats(rng, dims)]
    return Case(inputs, outputs=2, tolerance=3e-5)
