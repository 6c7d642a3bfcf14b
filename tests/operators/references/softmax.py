import torch

from . import reference


@reference("SoftmaxWithLoss")
def softmax_with_loss(args, logits, labels):
    axis = args.get("axis", 1)
    rows = logits.reshape(*logits.shape[:axis], -1).flatten(0, axis - 1)
    loss = torch.nn.functional.cross_entropy(rows, labels.reshape(-1).long())
    return [torch.softmax(rows, 1).reshape(logits.shape), loss]
