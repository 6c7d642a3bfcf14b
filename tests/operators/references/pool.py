import torch

from . import reference


@reference("MaxPool")
def max_pool(args, x):
    return torch.nn.functional.max_pool2d(x, args["kernel"], args.get("stride", 1), args.get("pad", 0))
