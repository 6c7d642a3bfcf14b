"""Random weights of the true shapes for somebody else's net, as an init net.

The numbers are scaled by what reads them, so that activations neither vanish nor overflow in a deep
net: filters and matrices keep the variance behind a Relu, normalisation parameters stand around 1.
"""
import os

import numpy as np
from caffe2.proto import caffe2_pb2
from google.protobuf import text_format

NORMALISATION = {1: "scale", 2: "shift", 3: "shift", 4: "scale"}  # inputs of SpatialBN


def read_net(path):
    net = caffe2_pb2.NetDef()
    data = open(path, "rb").read()
    if path.endswith("txt"):
        text_format.Merge(data.decode(), net)
    else:
        net.ParseFromString(data)
    return net


def roles(net, names):
    """What each of the named blobs is to the operator that reads it first."""
    found = {}
    for op in net.op:
        for i, name in enumerate(op.input):
            if name not in names or name in found:
                continue
            if op.type in ("Conv", "FC", "ConvTranspose"):
                found[name] = "data" if i == 0 else "filter" if i == 1 else "shift"
            elif op.type == "SpatialBN":
                found[name] = NORMALISATION.get(i, "data")
            elif op.type in ("Mul", "Div"):
                found[name] = "scale" if i == 1 else "data"
            elif op.type in ("Add", "Sub"):
                found[name] = "shift" if i == 1 else "data"
            else:
                found[name] = "data"
    return found


def draw(role, shape, random):
    if role == "filter":
        return random.standard_normal(shape) * np.sqrt(2.0 / np.prod(shape[1:]))
    if role == "scale":
        return random.uniform(0.5, 1.5, shape)
    if role == "shift":
        return random.standard_normal(shape) * 0.1
    return random.standard_normal(shape)


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def given_tensor(name, values):
    """The operator that makes `values`, encoded as Caffe2 encodes it: every float with its tag."""
    floats = np.empty((values.size, 5), np.uint8)
    floats[:, 0] = 5 << 3 | 5
    floats[:, 1:] = values.astype("<f4").reshape(-1, 1).view(np.uint8)
    shape = b"".join(varint(6 << 3) + varint(d) for d in values.shape)
    return field(2, field(2, name.encode()) + field(4, b"GivenTensorFill") +
                 field(5, field(1, b"shape") + shape) +
                 field(5, field(1, b"values") + floats.tobytes()))


def write(net, shapes, path, seed=1):
    """Writes an init net for all external inputs with a shape but the data."""
    kinds = roles(net, set(shapes))
    random = np.random.RandomState(seed)
    with open(path, "wb") as file:
        file.write(field(1, (net.name + "_init").encode()))
        for name in sorted(shapes):
            if kinds.get(name, "data") != "data":
                file.write(given_tensor(name, draw(kinds[name], tuple(shapes[name]), random)
                                        .astype(np.float32)))


def full_names(net, shapes):
    """Shapes by the names in the net, which may put a prefix before all its blobs."""
    read = {i for op in net.op for i in op.input}
    if any(name in read for name in shapes):
        return shapes
    prefix = net.op[0].input[0].rsplit("/", 1)[0] + "/"
    return {prefix + name: shape for name, shape in shapes.items()}


def init_file(net, shapes, folder, name):
    """The init net of NAME in the folder, made if it is not there."""
    path = os.path.join(folder, name + "_init.pb")
    if not os.path.exists(path):
        write(net, shapes, path + ".new")
        os.rename(path + ".new", path)
    return path


def input_files(net, shapes, batch, folder, name):
    """A .npy file of random data for each data input."""
    kinds = roles(net, set(shapes))
    files = {}
    for data in sorted(blob for blob in shapes if kinds.get(blob) == "data"):
        files[data] = os.path.join(folder, "%s_%d_%d.npy" % (name, batch, len(files)))
        values = np.random.RandomState(batch).standard_normal([batch] + shapes[data][1:])
        np.save(files[data], values.astype(np.float32))
    return files
