"""Golden values from the real Caffe2: runs each sample's operator and its gradient operators.

Needs a Python with Caffe2, such as 3.9 with torch 1.8.1 (and numpy<1.24, protobuf<3.21, future, six):
    build/release/tests/test_operators --dump=samples.json
    python tests/operators/make_golden_caffe2.py samples.json [OPERATOR...] [--all]
"""
import numpy as np
import torch
from caffe2.python import core, workspace

import golden_files


def operator(sample):
    args = {}
    for arg in sample["args"]:
        value = arg["value"]
        if arg["field"] == "f":
            value = float(value)
        elif arg["field"] == "floats":
            value = [float(v) for v in value]
        args[arg["name"]] = value
    return core.CreateOperator(sample["op"], sample["input_names"], sample["output_names"], **args)


def compute(sample):
    workspace.ResetWorkspace()
    inputs = [golden_files.array(t) for t in sample["inputs"]]
    for name, value in zip(sample["input_names"], inputs):
        workspace.FeedBlob(name, value)
    op = operator(sample)
    workspace.RunOperatorOnce(op)
    outputs = [None if i in sample["unchecked"] else np.array(workspace.FetchBlob(name))
               for i, name in enumerate(sample["output_names"])]
    if not sample["gradients"]:
        return outputs, {}, None

    names = [None] * len(outputs)
    for i, value in sample["cotangents"].items():
        names[int(i)] = sample["output_names"][int(i)] + "_grad"
        workspace.FeedBlob(names[int(i)], golden_files.array(value))
    operators, gradient_names = core.GradientRegistry.GetGradientForOp(op, names)
    for gradient in operators:
        workspace.RunOperatorOnce(gradient)
    gradients = {str(i): np.array(workspace.FetchBlob(str(gradient_names[i]))) for i in sample["gradients"]}
    described = ["%s(%s) -> %s" % (g.type, ", ".join(g.input), ", ".join(g.output)) for g in operators]
    return outputs, gradients, described


if __name__ == "__main__":
    core.GlobalInit(["make_golden", "--caffe2_log_level=2"])
    golden_files.make("caffe2", "Caffe2 of torch %s" % torch.__version__.split("+")[0], compute)
