import torch

from . import reference


@reference("LRN")
def lrn(args, x):
    size = args["size"]
    squares = torch.nn.functional.pad((x * x).transpose(1, -1), ((size - 1) // 2, size // 2))
    scale = args.get("bias", 1) + args["alpha"] / size * squares.unfold(-1, size, 1).sum(-1).transpose(1, -1)
    return [x * scale ** -args["beta"], scale]
