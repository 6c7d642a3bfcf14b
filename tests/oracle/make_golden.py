"""Golden outputs of whole nets: small classifiers with the oddities of published ones, run by the
real Caffe2.

Needs a Python with Caffe2, such as 3.9 with torch 1.8.1 (and numpy<1.24, protobuf<3.21, future, six):
    python tests/oracle/make_golden.py

Writes golden/NAME.pbtxt, the net, and golden/NAME.json: how its inputs are made (element i of an
input is scale * ((i * 7919 + 13 * seed) % 2001 - 1000) / 1000 + offset, in float32) and what Caffe2
gives for all blobs that are named there. golden_test.cc runs the same.
"""
import json
import os

import numpy as np
from caffe2.proto import caffe2_pb2
from caffe2.python import core, workspace
from google.protobuf import text_format

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")


def values(shape, scale, offset, seed):
    i = np.arange(int(np.prod(shape)), dtype=np.int64)
    unit = ((i * 7919 + 13 * seed) % 2001 - 1000).astype(np.float32) / np.float32(1000)
    return (np.float32(scale) * unit + np.float32(offset)).reshape(shape)


class Builder:
    def __init__(self, name, data, prefix=""):
        self.net = caffe2_pb2.NetDef(name=name)
        self.prefix = prefix
        self.inputs = {}
        self.x = self.given("data", data, 1.0, 0.0)

    def given(self, name, shape, scale, offset):
        name = self.prefix + name
        self.inputs[name] = {"shape": shape, "scale": scale, "offset": offset,
                             "seed": len(self.inputs)}
        self.net.external_input.append(name)
        return name

    def op(self, kind, inputs, outputs, device=True, **args):
        outputs = [self.prefix + o for o in outputs]
        op = core.CreateOperator(kind, inputs, outputs, **args)
        op.name = ""
        op.engine = ""
        if device:
            op.device_option.SetInParent()
        self.net.op.extend([op])
        return outputs[0] if len(outputs) == 1 else outputs

    def conv(self, x, name, out, per_group, kernel, bias=True, **args):
        weights = [self.given(name + "_w", [out, per_group, kernel, kernel],
                              1.5 / (per_group * kernel * kernel) ** 0.5, 0.0)]
        if bias:
            weights.append(self.given(name + "_b", [out], 0.1, 0.0))
        return self.op("Conv", [x] + weights, [name], kernel=kernel, **args)

    def batch_norm(self, x, name, channels, in_place=False, **args):
        parameters = [self.given(name + "_" + part, [channels], scale, offset)
                      for part, scale, offset in [("s", 0.5, 1.0), ("b", 0.1, 0.0),
                                                  ("rm", 0.1, 0.0), ("riv", 0.5, 1.0)]]
        output = x[len(self.prefix):] if in_place else name
        return self.op("SpatialBN", [x] + parameters, [output], is_test=1, **args)

    def relu(self, x):
        return self.op("Relu", [x], [x[len(self.prefix):]])

    def fc(self, x, name, inputs, outputs):
        w = self.given(name + "_w", [outputs, inputs], 1.5 / inputs ** 0.5, 0.0)
        return self.op("FC", [x, w, self.given(name + "_b", [outputs], 0.1, 0.0)], [name])

    def write(self, *watched):
        self.net.external_output.append(watched[-1])
        workspace.ResetWorkspace()
        for name, spec in self.inputs.items():
            workspace.FeedBlob(name, values(**spec))
        workspace.RunNetOnce(self.net)
        outputs = {}
        for name in watched:
            value = workspace.FetchBlob(name)
            assert np.isfinite(value).all() and np.abs(value).max() > 1e-3, name
            outputs[name] = {"shape": list(value.shape),
                             "values": [float("%.8g" % v) for v in value.ravel()]}
        path = os.path.join(FOLDER, self.net.name)
        with open(path + ".pbtxt", "w") as file:
            file.write(text_format.MessageToString(self.net))
        with open(path + ".json", "w") as file:
            file.write('{"inputs": %s,\n "outputs": %s}\n' % (json.dumps(self.inputs),
                                                             json.dumps(outputs)))


def lrn_and_groups():
    """Group convolution, LRN with two outputs, pooling that rounds up, prefixed names, arguments
    that nothing reads, a Dropout that does nothing, FC on an image."""
    b = Builder("lrn_and_groups", [2, 3, 19, 21], prefix="gpu_0/")
    x = b.relu(b.conv(b.x, "conv1", 8, 3, 5, stride=2, pad=0, order="NCHW", use_cudnn=1))
    x = b.op("LRN", [x], ["norm1", "scale1"], size=5, alpha=0.5, beta=0.75, bias=2.0)[0]
    x = b.op("MaxPool", [x], ["pool1"], kernel=3, stride=2, pad=0, legacy_pad=3, order="NCHW",
             cudnn_exhaustive_search=0)
    x = b.relu(b.conv(x, "conv2", 8, 4, 3, group=2, pad=1, stride=1))
    x = b.op("MaxPool", [x], ["pool2"], kernel=2, stride=2, legacy_pad=3, global_pooling=0)
    # The size of the image that is left: known to Caffe2 when it has run.
    b.net.external_output.append(x)
    for name, spec in b.inputs.items():
        workspace.FeedBlob(name, values(**spec))
    workspace.RunNetOnce(b.net)
    features = int(np.prod(workspace.FetchBlob(x).shape[1:]))
    del b.net.external_output[:]
    x = b.relu(b.fc(x, "fc3", features, 12))
    x = b.op("Dropout", [x], ["fc3d", "_fc3_mask"], ratio=0.5, is_test=1)[0]
    pred = b.fc(x, "pred", 12, 10)
    b.write("gpu_0/pool2", pred, b.op("Softmax", [pred], ["softmax"], device=False))


def broadcast_and_concat():
    """Normalisation as SpatialBN and Mul and Add with broadcast, Concat without arguments, average
    pooling over windows of different sizes, uneven pads."""
    b = Builder("broadcast_and_concat", [2, 3, 18, 18])
    x = b.conv(b.x, "conv1", 6, 3, 7, bias=False, stride=2, pad_t=3, pad_l=3, pad_b=3, pad_r=3)
    x = b.batch_norm(x, "conv1_bn", 6, epsilon=1e-5)
    x = b.op("Mul", [x, b.given("conv1_scale", [6], 0.5, 1.0)], ["conv1_bn"], broadcast=1, axis=1)
    x = b.op("Add", [x, b.given("conv1_shift", [6], 0.2, 0.0)], ["conv1_bn"], broadcast=1, axis=1)
    x = b.relu(x)
    left = b.relu(b.conv(x, "left", 4, 6, 1))
    right = b.relu(b.conv(x, "right", 5, 6, 3, pad=1))
    pooled = b.op("AveragePool", [x], ["pooled"], kernel=3, stride=1, pad_t=1, pad_l=1, pad_b=1,
                  pad_r=1, legacy_pad=3, order="NCHW")
    x = b.op("Concat", [left, right, pooled], ["concat", "_concat_sizes"])[0]
    halved = b.op("AveragePool", [x], ["halved"], kernel=3, stride=2, pad_t=0, pad_l=0, pad_b=1,
                  pad_r=1)
    largest = b.op("MaxPool", [x], ["largest"], kernel=3, stride=2, pad_t=0, pad_l=0, pad_b=1,
                   pad_r=1)
    x = b.op("Concat", [halved, largest], ["both", "_both_sizes"], order="NCHW")[0]
    x = b.op("AveragePool", [x], ["mean"], global_pooling=1, kernel=1)
    scores = b.conv(x, "scores", 7, 30, 1)
    b.write("halved", b.op("Softmax", [scores], ["prob"]))


def residual():
    """Sums in place, normalisation in place, a strided shortcut, pooling of the whole image."""
    b = Builder("residual", [2, 3, 16, 16], prefix="gpu_0/")
    x = b.relu(b.batch_norm(b.conv(b.x, "conv1", 8, 3, 3, bias=False, stride=1, pad=1), "bn1", 8,
                            in_place=True, order="NCHW", epsilon=1e-5, momentum=0.9))
    x = b.op("MaxPool", [x], ["pool1"], kernel=3, stride=2, pad=1)
    y = b.relu(b.batch_norm(b.conv(x, "a", 4, 8, 1, bias=False), "a_bn", 4))
    y = b.relu(b.batch_norm(b.conv(y, "b", 4, 4, 3, bias=False, pad=1, stride=2), "b_bn", 4))
    y = b.batch_norm(b.conv(y, "c", 16, 4, 1, bias=False), "c_bn", 16)
    shortcut = b.batch_norm(b.conv(x, "shortcut", 16, 8, 1, bias=False, stride=2), "s_bn", 16)
    y = b.relu(b.op("Sum", [y, shortcut], ["c_bn"]))
    y = b.op("AveragePool", [y], ["final_avg"], kernel=4, stride=1, ws_nbytes_limit=1 << 20)
    pred = b.fc(y, "pred", 16, 10)
    b.write("gpu_0/c_bn", pred, b.op("Softmax", [pred], ["softmax"]))


if __name__ == "__main__":
    core.GlobalInit(["make_golden", "--caffe2_log_level=2"])
    for net in (lrn_and_groups, broadcast_and_concat, residual):
        workspace.ResetWorkspace()
        net()
