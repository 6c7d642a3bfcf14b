import torch

from . import reference


@reference("UpsampleNearest")
def upsample_nearest(args, x):
    return torch.nn.functional.interpolate(x, scale_factor=args.get("scale", 2), mode="nearest")
