import torch

from . import reference


@reference("SpatialBN")
def spatial_bn(args, x, scale, bias, mean, var):
    epsilon, momentum = args.get("epsilon", 1e-5), args.get("momentum", 0.9)
    if args["is_test"]:
        return torch.nn.functional.batch_norm(x, mean, var, scale, bias, False, 0, epsilon)
    axes = [axis for axis in range(x.dim()) if axis != 1]
    count = x.numel() // x.shape[1]
    batch_mean, batch_var = x.mean(axes), x.var(axes, unbiased=False)
    y = torch.nn.functional.batch_norm(x, None, None, scale, bias, True, 0, epsilon)
    return [y, momentum * mean + (1 - momentum) * batch_mean,
            momentum * var + (1 - momentum) * batch_var * count / (count - 1),
            batch_mean, 1 / torch.sqrt(batch_var + epsilon)]
