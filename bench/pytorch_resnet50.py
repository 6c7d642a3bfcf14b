"""ResNet-50 in PyTorch: the rival of bench/resnet50, with the same task, batch and output.

Training is one SGD step (momentum 0.9, weight decay 1e-4 on all parameters, which costs PyTorch
nothing extra), eager mode, channels-last, float32. The model is written here as torchvision is one
more dependency: stride in the 3x3, projection where channels change.
"""

import argparse
import json
import time

import torch
from torch import nn


class Bottleneck(nn.Module):
    def __init__(self, channels, width, stride):
        super().__init__()
        out = 4 * width
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, out, 1, bias=False), nn.BatchNorm2d(out))
        self.shortcut = nn.Identity()
        if stride != 1 or channels != out:
            self.shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False),
                                          nn.BatchNorm2d(out))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(self.body(x) + self.shortcut(x))


def resnet50():
    layers = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True),
              nn.MaxPool2d(3, 2, 1)]
    channels = 64
    for width, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for block in range(blocks):
            layers.append(Bottleneck(channels, width, stride if block == 0 else 1))
            channels = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--image", type=int, default=224)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--inference", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(args.threads)

    model = resnet50().to(memory_format=torch.channels_last)
    data = torch.rand(args.batch, 3, args.image, args.image).mul(2).sub(1)
    data = data.contiguous(memory_format=torch.channels_last)
    label = torch.arange(args.batch) * 37 % 1000
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.00625, momentum=0.9, weight_decay=1e-4)

    def train():
        optimizer.zero_grad(set_to_none=True)
        loss_fn(model(data), label).backward()
        optimizer.step()

    def infer():
        with torch.inference_mode():
            model(data)

    model.train(not args.inference)
    step = infer if args.inference else train
    step()
    times = []
    for _ in range(args.steps):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    times.sort()
    best, middle = times[0], times[len(times) // 2]
    print(json.dumps({
        "engine": f"PyTorch {torch.__version__}",
        "model": "resnet50",
        "task": "inference" if args.inference else "training",
        "batch": args.batch, "image": args.image, "threads": args.threads, "steps": args.steps,
        "step_s": {"min": best, "median": middle},
        "images_per_s": {"max": args.batch / best, "median": args.batch / middle},
    }))


if __name__ == "__main__":
    main()
