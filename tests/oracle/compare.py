"""Runs nets in headrace and in the real Caffe2, on the same random weights, and compares.

Needs a Python with Caffe2, such as 3.9 with torch 1.8.1 (and numpy<1.24, protobuf<3.21, future, six):
    python tests/oracle/compare.py --nets FOLDER --shapes SHAPES.json [NET...]

FOLDER holds NET.pbtxt files, SHAPES.json the shapes of their parameters and data:
{"NET": {"data": [1, 3, 224, 224], "conv1_w": [96, 3, 11, 11], ...}, ...}. Every net runs for every
batch and number of threads; the outputs, and what the last operator reads, must agree to
--tolerance of the largest element. Prints a JSON line per run; exits with 1 if one differs.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

import random_weights


def parse_arguments():
    here = os.path.dirname(os.path.abspath(__file__))
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("names", nargs="*", metavar="NET", help="all of the shapes file by default")
    p.add_argument("--nets", required=True, help="folder of NET.pbtxt")
    p.add_argument("--shapes", required=True, help="JSON file of shapes by net")
    p.add_argument("--headrace", default=os.path.join(here, "../../build/release/headrace"))
    p.add_argument("--batches", default="1,16")
    p.add_argument("--threads", default="1,2")
    p.add_argument("--tolerance", type=float, default=1e-4)
    p.add_argument("--keep", help="folder for the init nets and arrays, kept for the next time")
    p.add_argument("--reference", help=argparse.SUPPRESS)  # internal: this process is Caffe2
    return p.parse_args()


def reference(job):
    """Runs one net in this process's Caffe2."""
    from caffe2.python import core, workspace
    core.GlobalInit(["compare", "--caffe2_log_level=2", "--caffe2_omp_num_threads=2"])
    workspace.RunNetOnce(random_weights.read_net(job["init"]))
    for name, path in job["inputs"].items():
        workspace.FeedBlob(name, np.load(path))
    net = random_weights.read_net(job["net"])
    workspace.CreateNet(net)
    workspace.RunNet(net.name)
    for name, path in job["outputs"].items():
        np.save(path, workspace.FetchBlob(name))


def compare(wanted, found):
    """The largest difference, relative to the largest element."""
    if wanted.shape != found.shape:
        return "shape %s, Caffe2's is %s" % (found.shape, wanted.shape)
    scale = float(np.abs(wanted).max())
    if not np.isfinite(scale) or scale == 0:
        return "the reference has a largest element of %s: nothing to compare" % scale
    return float(np.abs(wanted.astype(np.float64) - found).max()) / scale


def run_net(name, shapes, options, folder):
    path = os.path.join(options.nets, name + ".pbtxt")
    net = random_weights.read_net(path)
    shapes = random_weights.full_names(net, shapes)
    init = random_weights.init_file(net, shapes, folder, name)
    watched = list(net.external_output) + [net.op[-1].input[0]]
    fine = True
    for batch in [int(b) for b in options.batches.split(",")]:
        inputs = random_weights.input_files(net, shapes, batch, folder, name)
        files = {blob: os.path.join(folder, "%s_%d_out%d" % (name, batch, i))
                 for i, blob in enumerate(watched)}
        job = {"net": path, "init": init, "inputs": inputs,
               "outputs": {blob: file + "_caffe2.npy" for blob, file in files.items()}}
        if not (options.keep and all(map(os.path.exists, job["outputs"].values()))):
            subprocess.run([sys.executable, os.path.abspath(__file__), "--nets", "", "--shapes", "",
                            "--reference", json.dumps(job)], check=True)
        for threads in options.threads.split(","):
            command = [options.headrace, "run", path, "--init", init, "--threads", threads]
            command += ["--input=%s=%s" % pair for pair in inputs.items()]
            command += ["--output=%s=%s.npy" % pair for pair in files.items()]
            result = {"net": name, "batch": batch, "threads": int(threads)}
            done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
            if done.returncode != 0:
                result["error"] = done.stderr.strip()[-2000:]
            else:
                result["difference"] = {
                    blob: compare(np.load(file + "_caffe2.npy"), np.load(file + ".npy"))
                    for blob, file in files.items()}
            result["equal"] = "error" not in result and all(
                isinstance(d, float) and d <= options.tolerance
                for d in result["difference"].values())
            fine = fine and result["equal"]
            print(json.dumps(result), flush=True)
    return fine


def main():
    options = parse_arguments()
    if options.reference:
        reference(json.loads(options.reference))
        return 0
    shapes = json.load(open(options.shapes))
    fine = True
    with tempfile.TemporaryDirectory() as scratch:
        for name in options.names or sorted(shapes):
            fine = run_net(name, shapes[name], options, options.keep or scratch) and fine
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
