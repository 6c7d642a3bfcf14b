"""Writes the .npy files of this folder with NumPy (made with 1.23.5): python3 make.py

Element i, counted in C order, is 3 i - 4 in integer types (3 i in unsigned ones), 0.75 (i - 2) in
floating types and i odd in bool.
"""
import os

import numpy as np
from numpy.lib import format as npy

os.chdir(os.path.dirname(os.path.abspath(__file__)))


def values(dtype, count):
    i = np.arange(count)
    if dtype.kind == "b":
        return (i % 2).astype(dtype)
    if dtype.kind == "f":
        return ((i - 2) * 0.75).astype(dtype)
    return (3 * i - (4 if dtype.kind == "i" else 0)).astype(dtype)


def write(name, array, version=(1, 0)):
    with open(name + ".npy", "wb") as f:
        npy.write_array(f, array, version)


for name in "float16 float32 float64 int8 int16 int32 int64 uint8 uint16 bool".split():
    dtype = np.dtype(name)
    write(name, values(dtype, 6).reshape(2, 3))
    write(name + "_big_fortran", np.asfortranarray(
        values(dtype, 24).reshape(2, 3, 4).astype(dtype.newbyteorder(">"))))

float32 = np.dtype("float32")
write("version2", values(float32, 6).reshape(2, 3), (2, 0))
write("version3", values(float32, 6).reshape(2, 3), (3, 0))
write("scalar", values(float32, 1).reshape(()))
write("vector", values(float32, 5))
write("empty", np.zeros((3, 0, 2), float32))
write("empty_fortran", np.asfortranarray(np.zeros((3, 0, 2), float32)))
write("uint32", np.arange(3, dtype="uint32"))
write("complex64", np.arange(3, dtype="complex64"))
write("unicode", np.array(["a", "bc"]))
write("object", np.array([{"a": 1}], dtype=object))
write("record", np.zeros(2, dtype=[("x", "f4"), ("y", "i4")]))
write("rank9", np.zeros((1,) * 9, float32))
