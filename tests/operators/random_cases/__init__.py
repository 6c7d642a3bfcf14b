"""Random cases for compare_caffe2.py: one function per family of operators, see cases()."""
import numpy as np

CASES = {}


class Case:
    """One use of an operator. gradients: inputs whose gradient is compared. cotangents: outputs that a
    gradient arrives at (None: all floating ones). refused_here: words of the error where headrace refuses
    what Caffe2 takes, on purpose."""

    def __init__(self, inputs, args=None, outputs=1, gradients=(), cotangents=None, inplace=(), unchecked=(),
                 tolerance=1e-5, gradient_tolerance=2e-5, refused_here=None, own_gradient_operators=False):
        self.inputs = inputs
        self.args = args or {}
        self.outputs = outputs
        self.gradients = gradients
        self.cotangents = cotangents
        self.inplace = inplace
        self.unchecked = unchecked
        self.tolerance = tolerance
        self.gradient_tolerance = gradient_tolerance
        self.refused_here = refused_here
        self.own_gradient_operators = own_gradient_operators


def cases(*operators):
    """Registers f(rng, op) -> Case for these operators."""
    def register(f):
        for op in operators:
            assert op not in CASES, op
            CASES[op] = f
        return f
    return register


def chance(rng, p=0.5):
    return rng.uniform() < p


def pick(rng, *choices):
    return choices[rng.randint(len(choices))]


def shape(rng, low=0, high=4, largest=5, zero=0.08):
    """A rank in [low, high]; a size may be 0."""
    return tuple(0 if chance(rng, zero) else int(rng.randint(1, largest + 1)) for _ in range(rng.randint(low, high + 1)))


def floats(rng, dims, scale=1.0):
    return (scale * rng.randn(*dims)).astype(np.float32) if dims else np.array(scale * rng.randn(), np.float32)


def number(rng, low, high):
    """A float argument that float32 holds exactly."""
    return float(np.float32(rng.uniform(low, high)))


def integers(rng, dims, low, high, dtype=np.int32):
    return rng.randint(low, high, dims).astype(dtype) if dims else np.array(rng.randint(low, high), dtype)
