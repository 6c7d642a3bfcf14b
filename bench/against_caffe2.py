#!/usr/bin/env python3
"""headrace against the real Caffe2, its default CPU engine and its MKL-DNN engine (IDEEP).

Needs a Python with Caffe2, such as 3.9 with torch 1.8.1 (and numpy<1.24, protobuf<3.21, future, six):
    python bench/against_caffe2.py --nets FOLDER --shapes SHAPES.json [NET...] [--batches 1,16] [--turns 3]

FOLDER and SHAPES.json are those of tests/oracle/compare.py. The engines take turns on the same pinned
CPUs; each is a process of its own that sleeps while it is not its turn. Prints a JSON line for every
net and batch: images/s of each engine at its fastest and its median iteration, headrace's ratio to
each rival, peak resident bytes, and the seconds that the command takes to load and compile the net
without weights. An engine that cannot run the net is null.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../tests/oracle"))
import random_weights  # noqa: E402


def parse_arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("names", nargs="*", metavar="NET", help="all of the shapes file by default")
    p.add_argument("--nets", required=True, help="folder of NET.pbtxt")
    p.add_argument("--shapes", required=True, help="JSON file of shapes by net")
    p.add_argument("--headrace", default=os.path.join(HERE, "../build/release/headrace"))
    p.add_argument("--batches", default="1,16")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--turns", type=int, default=3)
    p.add_argument("--seconds", type=float, default=2, help="of measuring, per engine and turn")
    p.add_argument("--keep", help="folder for the init nets, kept for the next time")
    p.add_argument("--worker", help=argparse.SUPPRESS)  # internal: this process is a rival
    return p.parse_args()


def work(job):
    """A rival: sets up its net, then times iterations for as long as it is told to, line by line."""
    from caffe2.proto import caffe2_pb2
    from caffe2.python import core, workspace
    core.GlobalInit(["caffe2", "--caffe2_log_level=2",
                     "--caffe2_omp_num_threads=%d" % job["threads"]])
    device = core.DeviceOption(caffe2_pb2.IDEEP if job["ideep"] else caffe2_pb2.CPU)
    workspace.RunNetOnce(random_weights.read_net(job["init"]))
    if job["ideep"]:
        for name in workspace.Blobs():
            workspace.FeedBlob(name, workspace.FetchBlob(name), device)
    for name, path in job["inputs"].items():
        workspace.FeedBlob(name, np.load(path), device)
    net = random_weights.read_net(job["net"])
    if job["ideep"]:
        net.device_option.CopyFrom(device)
        for op in net.op:
            op.device_option.CopyFrom(device)
    workspace.CreateNet(net)
    workspace.RunNet(net.name)
    print("ready", flush=True)
    for line in sys.stdin:
        samples, end = [], time.perf_counter() + float(line)
        while not samples or time.perf_counter() < end:
            start = time.perf_counter()
            workspace.RunNet(net.name)
            samples.append(time.perf_counter() - start)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({"seconds": samples, "peak_bytes": peak}), flush=True)


class Rival:
    def __init__(self, job, cpus):
        environment = dict(os.environ, GOMP_CPU_AFFINITY=cpus)
        self.process = subprocess.Popen(
            ["taskset", "-c", cpus, sys.executable, os.path.abspath(__file__), "--nets", "",
             "--shapes", "", "--worker", json.dumps(job)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env=environment)
        self.runs = self.process.stdout.readline().strip() == "ready"

    def turn(self, seconds):
        if not self.runs:
            return None
        print(seconds, file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Headrace:
    def __init__(self, job, cpus, command):
        self.words = ["taskset", "-c", cpus, command, "bench", job["net"], "--init", job["init"],
                      "--pin", "--threads", str(job["threads"]), "--json", "--profiled", "0"]
        self.words += ["--input=%s=%s" % pair for pair in job["inputs"].items()]
        self.iterations = 1

    def turn(self, seconds):
        done = subprocess.run(self.words + ["--iterations", str(self.iterations), "--warmup", "2"],
                              stdout=subprocess.PIPE, text=True, check=True)
        report = json.loads(done.stdout)
        result = {"seconds": report["iteration_seconds"], "peak_bytes": report["peak_bytes"]}
        wanted = max(3, round(seconds / statistics.median(result["seconds"])))
        if self.iterations == 1:  # now it is known how long one takes
            self.iterations = wanted
            return self.turn(seconds)
        return result


def compile_seconds(command, net, shapes_file):
    """Load and compile, without weights: the command's whole life."""
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([command, "show", net, "--stage", "plan", "--shapes", shapes_file],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        best = min(best, time.perf_counter() - start)
    return best


def measure(name, shapes, batch, options, folder):
    path = os.path.join(options.nets, name + ".pbtxt")
    net = random_weights.read_net(path)
    shapes = random_weights.full_names(net, shapes)
    init = random_weights.init_file(net, shapes, folder, name)
    inputs = random_weights.input_files(net, shapes, batch, folder, name)
    batch_shapes = dict(shapes, **{d: [batch] + shapes[d][1:] for d in inputs})
    shapes_file = os.path.join(folder, "%s_%d_shapes.json" % (name, batch))
    json.dump(batch_shapes, open(shapes_file, "w"))

    job = {"net": path, "init": init, "inputs": inputs, "threads": options.threads, "ideep": False}
    cpus = "0-%d" % (options.threads - 1)
    engines = {"headrace": Headrace(job, cpus, options.headrace), "caffe2": Rival(job, cpus),
               "caffe2_ideep": Rival(dict(job, ideep=True), cpus)}
    turns = {engine: [] for engine in engines}
    for _ in range(options.turns):
        for engine, player in engines.items():
            turns[engine].append(player.turn(options.seconds))
    for engine in ("caffe2", "caffe2_ideep"):
        engines[engine].close()

    report = {"net": name, "batch": batch, "threads": options.threads}
    for engine, results in turns.items():
        if results[0] is None:
            report[engine] = None
            continue
        seconds = [s for r in results for s in r["seconds"]]
        report[engine] = {"images_per_second": {"best": batch / min(seconds),
                                                "median": batch / statistics.median(seconds)},
                          "peak_bytes": max(r["peak_bytes"] for r in results)}
    for rival in ("caffe2", "caffe2_ideep"):
        if report[rival] is not None:
            report["over_" + rival] = {
                which: report["headrace"]["images_per_second"][which] /
                report[rival]["images_per_second"][which] for which in ("best", "median")}
            report["peak_over_" + rival] = (report["headrace"]["peak_bytes"] /
                                            report[rival]["peak_bytes"])
    report["load_and_compile_seconds"] = compile_seconds(options.headrace, path, shapes_file)
    return report


def main():
    options = parse_arguments()
    if options.worker:
        work(json.loads(options.worker))
        return
    shapes = json.load(open(options.shapes))
    with tempfile.TemporaryDirectory() as scratch:
        for name in options.names or sorted(shapes):
            for batch in map(int, options.batches.split(",")):
                print(json.dumps(measure(name, shapes[name], batch, options,
                                         options.keep or scratch)), flush=True)


if __name__ == "__main__":
    main()
