"""Convolutions."""
from . import Case, cases, chance, floats, pick


def sizes(rng, count, low, high):
    return [int(rng.randint(low, high)) for _ in range(count)]


@cases("Conv")
def conv(rng, op):
    axes = int(rng.randint(1, 4))
    groups = pick(rng, 1, 1, 2, 3) if axes == 2 else 1
    channels, filters = groups * int(rng.randint(1, 4)), groups * int(rng.randint(1, 4))
    kernels, strides, dilations = sizes(rng, axes, 1, 4), sizes(rng, axes, 1, 3), sizes(rng, axes, 1, 3)
    pads = sizes(rng, 2 * axes, 0, 2)
    image = [(k - 1) * d + int(rng.randint(1, 5)) for k, d in zip(kernels, dilations)]
    args = {"kernels": kernels, "strides": strides, "dilations": dilations, "pads": pads}
    if groups > 1:
        args["group"] = groups
    inputs = [floats(rng, (2, channels, *image)), floats(rng, (filters, channels // groups, *kernels))]
    if chance(rng):
        inputs.append(floats(rng, (filters,)))
    # Caffe2 has no gradient of a dilated volume.
    gradients = tuple(range(len(inputs))) if axes == 2 or max(dilations) == 1 else ()
    return Case(inputs, args, gradients=gradients, tolerance=2e-5, gradient_tolerance=5e-5)


@cases("ConvTranspose")
def conv_transpose(rng, op):
    order = pick(rng, "NCHW", "NHWC")
    groups = pick(rng, 1, 2) if order == "NCHW" else 1
    channels, filters = groups * int(rng.randint(1, 4)), int(rng.randint(1, 4))
    kernels, strides = sizes(rng, 2, 1, 4), sizes(rng, 2, 1, 4)
    pads = [int(rng.randint(0, (k + 1) // 2)) for k in kernels + kernels]
    image = sizes(rng, 2, 2, 5)
    args = {"kernels": kernels, "strides": strides, "pads": pads, "order": order}
    if groups > 1:
        args["group"] = groups
    if chance(rng):
        args["adjs"] = [int(rng.randint(0, s)) for s in strides]
    x, weight = (2, channels, *image), (channels, filters, *kernels)
    if order == "NHWC":
        x, weight = (2, *image, channels), (channels, *kernels, filters)
    inputs = [floats(rng, x), floats(rng, weight)]
    if chance(rng):
        inputs.append(floats(rng, (filters * groups,)))
    return Case(inputs, args, gradients=tuple(range(len(inputs))), tolerance=2e-5, gradient_tolerance=5e-5)
