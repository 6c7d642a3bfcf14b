"""Nets with the gradient operators that the real Caffe2 appends to them: golden/NAME.pbtxt.

Needs a Python with Caffe2, such as 3.9 with torch 1.8.1 (and numpy<1.24, protobuf<3.21, future, six):
    python tests/graph/make_golden_gradients.py
"""
from pathlib import Path

from caffe2.python import core, workspace
from google.protobuf import text_format

CASES = []


def case(build):
    CASES.append(build)
    return build


@case
def lenet(net):
    x = net.Conv(["data", "conv1_w", "conv1_b"], "conv1", kernel=5)
    x = net.MaxPool(x, "pool1", kernel=2, stride=2)
    x = net.FC([x, "fc2_w", "fc2_b"], "fc2")
    x = net.Relu(x, x)
    x = net.FC([x, "fc3_w", "fc3_b"], "fc3")
    x = net.Softmax(x, "softmax")
    x = net.LabelCrossEntropy([x, "label"], "xent")
    net.Accuracy(["softmax", "label"], "accuracy")
    return [net.AveragedLoss(x, "loss")]


@case
def residual(net):
    def conv_bn(x, y):
        net.Conv([x, y + "_w"], y, kernel=3, pad=1)
        return net.SpatialBN(
            [y] + [y + "_bn" + s for s in ("_s", "_b", "_rm", "_riv")],
            [y + "_bn" + s for s in ("", "_rm", "_riv", "_sm", "_siv")], is_test=0)[0]

    a = net.Relu(conv_bn("data", "a"), "relu_a")
    b = conv_bn(a, "b")
    b = net.Relu(b, b)
    c = conv_bn(b, "c")
    s = net.Sum([a, c], "sum1")
    s = net.Relu(s, s)
    d = conv_bn(s, "d")
    e = conv_bn(s, "e")
    s = net.Sum([d, s, e], "sum2")
    x = net.AveragePool(s, "mean", global_pooling=1)
    x = net.FC([x, "fc_w", "fc_b"], "fc")
    return [net.SoftmaxWithLoss([x, "label"], ["softmax", "loss"])[1]]


@case
def inception(net):
    x = net.LRN("data", "norm", size=5, alpha=0.0001, beta=0.75, bias=1.0)
    x = net.Relu(x, "relu")
    branches = [net.Conv([x, f"w{i}", f"b{i}"], f"branch{i}", kernel=1) for i in range(3)]
    x = net.Concat(branches, ["concat", "concat_dims"])[0]
    y, z = net.Split(x, ["left", "right"], axis=1)
    x = net.Sum([net.Sigmoid(y, "sigmoid"), net.Tanh(z, "tanh")], "sum")
    x = net.Dropout(x, ["dropout", "mask"], ratio=0.5, is_test=0)[0]
    x = net.Flatten(x, "flat")
    x = net.FC([x, "fc_w", "fc_b"], "fc")
    return [net.SoftmaxWithLoss([x, "label"], ["softmax", "loss"])[1]]


@case
def two_losses(net):
    x = net.FC(["data", "w", "b"], "trunk")
    main = net.SoftmaxWithLoss([x, "label"], ["softmax", "main_loss"])[1]
    y = net.FC([x, "aux_w", "aux_b"], "aux")
    auxiliary = net.SoftmaxWithLoss([y, "label"], ["aux_softmax", "aux_loss"])[1]
    return [main, net.Scale(auxiliary, "scaled_loss", scale=0.3)]


@case
def read_twice(net):
    x = net.Sigmoid("data", "x")
    y = net.Mul([x, x], "square")
    y = net.Mul([y, x], "cube")
    y = net.Sum([y, x, x], "sum")
    return [net.AveragedLoss(y, "loss")]


@case
def stopped(net):
    x = net.FC(["data", "w", "b"], "x")
    y = net.StopGradient(x, "frozen")
    y = net.Mul([x, y], "y")
    return [net.AveragedLoss(y, "loss")]


@case
def arithmetic(net):
    x = net.Sub(["a", "b"], "difference")
    x = net.Div([x, "c"], "quotient")
    x = net.Add([x, "d"], "sum", broadcast=1)
    x = net.Mul([x, "e"], "product", broadcast=1, axis=1)
    return [net.AveragedLoss(x, "loss")]


@case
def shapes(net):
    x = net.Reshape("data", ["matrix", "old_shape"], shape=[0, -1])[0]
    x = net.Transpose(x, "transposed", axes=[1, 0])
    x = net.Copy(x, "copy")
    x = net.NHWC2NCHW(net.NCHW2NHWC(net.Reshape(x, ["image", "old"], shape=[2, 3, 4, 5])[0], "nhwc"),
                      "nchw")
    return [net.AveragedLoss(x, "loss")]


if __name__ == "__main__":
    folder = Path(__file__).parent / "golden"
    folder.mkdir(exist_ok=True)
    for build in CASES:
        workspace.ResetWorkspace()
        core.workspace.ResetWorkspace()
        net = core.Net(build.__name__)
        net.AddGradientOperators(build(net))
        proto = net.Proto()
        proto.name = build.__name__
        for op in proto.op:
            op.ClearField("name")
            op.ClearField("debug_info")
        (folder / f"{build.__name__}.pbtxt").write_text(text_format.MessageToString(proto))
