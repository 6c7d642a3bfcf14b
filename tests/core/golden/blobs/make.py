"""Writes the .pb files of this folder, tensors as Caffe2 serialises them (made with the Caffe2 of
PyTorch 1.8.1, Python 3.9, NumPy 1.23.5): python3 make.py

Element i is 3 i - 4 in integer types (3 i in unsigned ones), 0.75 (i - 2) in floating types and
i odd in bool, as in ../npy/make.py; strings are "", "a", "bb", ...
"""
import os

import numpy as np
from caffe2.python import workspace

os.chdir(os.path.dirname(os.path.abspath(__file__)))


def values(dtype, count):
    i = np.arange(count)
    if dtype.kind == "b":
        return (i % 2).astype(dtype)
    if dtype.kind == "f":
        return ((i - 2) * 0.75).astype(dtype)
    return (3 * i - (4 if dtype.kind == "i" else 0)).astype(dtype)


def write(name, array):
    workspace.FeedBlob("x", array)
    with open(name + ".pb", "wb") as f:
        f.write(workspace.SerializeBlob("x"))


for name in "float16 float32 float64 int8 int16 int32 int64 uint8 uint16 bool".split():
    write(name, values(np.dtype(name), 6).reshape(2, 3))
write("string", np.array([chr(96 + i).encode() * i for i in range(6)], dtype=object).reshape(2, 3))
