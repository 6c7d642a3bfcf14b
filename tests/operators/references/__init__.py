"""What operators compute, in PyTorch: one function per operator, called with the arguments as a dict and the
inputs as tensors; it returns the outputs (None for one that is not compared)."""

REFERENCES = {}


def reference(operator):
    def register(function):
        REFERENCES[operator] = function
        return function

    return register
