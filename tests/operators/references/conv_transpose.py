import torch

from . import reference


@reference("ConvTranspose")
def conv_transpose(args, x, weight, bias=None):
    function = {3: torch.nn.functional.conv_transpose1d, 5: torch.nn.functional.conv_transpose3d}[x.dim()]
    return function(x, weight, bias, stride=args.get("stride", 1))
