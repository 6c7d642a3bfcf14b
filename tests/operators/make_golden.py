"""Golden values from PyTorch in float64: outputs of the functions in references/, gradients by autograd.

Any PyTorch does:
    build/release/tests/test_operators --dump=samples.json
    python tests/operators/make_golden.py samples.json [OPERATOR...] [--all]
"""
import importlib
import os

import numpy as np
import torch

import golden_files
from references import REFERENCES

for file in sorted(os.listdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "references"))):
    if file.endswith(".py") and file != "__init__.py":
        importlib.import_module("references." + file[:-3])


def compute(sample):
    inputs = []
    for i, value in enumerate(sample["inputs"]):
        value = golden_files.array(value)
        if value.dtype == np.float32:
            value = value.astype(np.float64)
        tensor = torch.from_numpy(value)
        inputs.append(tensor.requires_grad_() if i in sample["gradients"] else tensor)
    args = {arg["name"]: arg["value"] for arg in sample["args"]}
    outputs = REFERENCES[sample["op"]](args, *inputs)
    if torch.is_tensor(outputs):
        outputs = [outputs]
    gradients = {}
    if sample["gradients"]:
        total = sum((outputs[int(i)] * torch.from_numpy(golden_files.array(value).astype(np.float64))).sum()
                    for i, value in sample["cotangents"].items())
        total.backward()
        gradients = {str(i): inputs[i].grad.numpy() for i in sample["gradients"]}
    return [None if o is None else o.detach().numpy() for o in outputs], gradients, None


if __name__ == "__main__":
    golden_files.make("torch", "PyTorch %s, float64" % torch.__version__.split("+")[0], compute)
