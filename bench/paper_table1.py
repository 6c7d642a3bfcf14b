#!/usr/bin/env python3
"""Table 1 of Goyal et al. 2017 ("ImageNet in 1 hour") at small scale: does a large minibatch with
gradual warm-up train as well as a small one, and better than with constant or no warm-up?

    bench/paper_table1.py [--seeds 12] [--keep DIR] [--plot FILE.svg] [--jobs 2]

Trains a narrow ResNet-8 on the first 20,000 images of Fashion-MNIST for 18 epochs, with the schedule
of the paper scaled by 1/5: batches of 32, the rate dropping at 6, 12 and 16 epochs, warm-up over 3.
k workers are k accumulated batches, which is the same arithmetic. Prints the table as it grows, then
each criterion with its figure, and as the last line the result as JSON; fails if a criterion does.
About 30 s per run and thread, 36 minutes of a thread in all.

Without warm-up a run loses about 0.6 points to the run of the same seed with gradual warm-up, but with a
deviation of 1 point between seeds: some initial values bear the high rate well. So differences are
taken seed by seed, and stand beside their standard error; three seeds can say nothing about these two
criteria.
"""
import argparse
import concurrent.futures
import gzip
import importlib.util
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TRAINING_IMAGES = 20_000

# What is compared: name -> (k workers of 32 samples, warm-up).
CONFIGURATIONS = {
    "baseline": (1, "none"),
    "k=16 gradual": (16, "gradual"),
    "k=16 none": (16, "none"),
    "k=16 constant": (16, "constant"),
    "k=24 gradual": (24, "gradual"),
    "k=24 none": (24, "none"),
}


def parse_arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--headrace", default=os.path.join(HERE, "../build/release/headrace"))
    p.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    p.add_argument("--seeds", type=int, default=12)
    p.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)),
                   help="runs at a time, of one thread each")
    p.add_argument("--keep", help="folder of the runs; those that ended are not repeated")
    p.add_argument("--plot", help="file for the plot (.svg, .png; needs matplotlib)")
    options = p.parse_args()
    if options.plot and importlib.util.find_spec("matplotlib") is None:
        p.error("--plot: this Python has no matplotlib")
    return options


def read_idx(folder, name):
    for path, opener in ((name, open), (name + ".gz", gzip.open)):
        path = os.path.join(folder, path)
        if os.path.exists(path):
            with opener(path, "rb") as f:
                return f.read()
    sys.exit(f"no {name} in {folder}: install dataset-fashion-mnist, or name a folder with --data")


def first_images(source, folder):
    """Writes the data set with its first training images only; IDX: magic, sizes, bytes."""
    os.makedirs(folder, exist_ok=True)
    for name, count in (("train-images-idx3-ubyte", TRAINING_IMAGES),
                        ("train-labels-idx1-ubyte", TRAINING_IMAGES),
                        ("t10k-images-idx3-ubyte", None), ("t10k-labels-idx1-ubyte", None)):
        content = read_idx(source, name)
        dimensions = content[3]
        header = 4 + 4 * dimensions
        sizes = struct.unpack(f">{dimensions}I", content[4:header])
        if count is not None:
            sample = (len(content) - header) // sizes[0]
            content = (content[:4] + struct.pack(f">{dimensions}I", count, *sizes[1:]) +
                       content[header:header + count * sample])
        with open(os.path.join(folder, name), "wb") as f:
            f.write(content)


def train(options, data, folder, name, seed):
    workers, warmup = CONFIGURATIONS[name]
    output = os.path.join(folder, f"{name.replace(' ', '_')}_{seed}")
    result = output + ".json"
    if not os.path.exists(result):
        command = [
            options.headrace, "train", "resnet8_narrow", "--data", "fashion-mnist:" + data,
            "--batch", str(32 * workers), "--accumulate", str(workers), "--seed", str(seed), "--threads", "1",
            "--epochs", "18", "--milestones", "6,12,16", "--learning-rate", "0.1",
            "--reference-batch", "32", "--momentum-form", "reference", "--test-batch", "500",
            "--overwrite", "--json", "-o", output, "--warmup", warmup]
        if warmup != "none":
            command += ["--warmup-epochs", "3", "--warmup-from", "0.1"]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}\nended with {run.returncode}:\n{run.stderr}")
        with open(result + ".new", "w") as f:
            f.write(run.stdout)
        os.rename(result + ".new", result)
    with open(result) as f:
        return json.load(f)


def measures(report):
    """Errors in percent; the spike is the worst epoch after the constant warm-up's jump."""
    training = [100 * (1 - epoch["train_accuracy"]) for epoch in report["epochs"]]
    return {"test": 100 * report["median_test_error"], "train": training[-1],
            "spike": max(training[3:6]) - training[2],
            "curve": [100 * (1 - epoch["test_accuracy"]) for epoch in report["epochs"]]}


def worse_by(worse, better, what):
    """Mean difference of the runs with equal seeds, and its standard error."""
    differences = [w[what] - b[what] for w, b in zip(worse, better)]
    deviation = statistics.stdev(differences) if len(differences) > 1 else 0
    return statistics.mean(differences), deviation / len(differences) ** 0.5


def criteria(table):
    """(what, figure, its standard error, limit); a figure has to be at least its limit."""
    base, gradual, none, constant = (table[n] for n in list(CONFIGURATIONS)[:4])
    return [
        ("the baseline is hardly better than gradual: test error",
         *worse_by(base, gradual, "test"), -1.0),
        ("no warm-up is worse than gradual: train error, k=16",
         *worse_by(none, gradual, "train"), 0.7),
        ("no warm-up is worse than gradual: test error, k=24",
         *worse_by(table["k=24 none"], table["k=24 gradual"], "test"), 0.7),
        ("constant warm-up is worse than gradual: test error",
         *worse_by(constant, gradual, "test"), 4),
        ("training error jumps after constant warm-up, in the mildest run",
         min(run["spike"] for run in constant), 0, 10),
    ]


def plot(table, path):
    from matplotlib import pyplot, ticker
    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    for name, runs in table.items():
        curve = [statistics.mean(values) for values in zip(*(run["curve"] for run in runs))]
        axes.plot(range(1, len(curve) + 1), curve, label=name)
    axes.set(xlabel="epoch", ylabel="test error [%]", yscale="log")
    axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(ticker.ScalarFormatter())
    axes.yaxis.set_minor_formatter(ticker.ScalarFormatter())
    axes.legend()
    figure.savefig(path, bbox_inches="tight")


def main():
    options = parse_arguments()
    with tempfile.TemporaryDirectory(prefix="paper-table1-") as scratch:
        folder = options.keep or scratch
        os.makedirs(folder, exist_ok=True)
        data = os.path.join(scratch, "data")
        first_images(options.data, data)
        table = {}
        print(f"{'':16} {'test error %':>16} {'train error %':>16} {'spike':>8}", flush=True)
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            waiting = {name: [pool.submit(train, options, data, folder, name, seed)
                              for seed in range(1, options.seeds + 1)] for name in CONFIGURATIONS}
            try:
                for name, runs in waiting.items():
                    table[name] = [measures(run.result()) for run in runs]
                    columns = []
                    for what in ("test", "train"):
                        values = [run[what] for run in table[name]]
                        columns.append(f"{statistics.mean(values):8.2f} ± {statistics.pstdev(values):4.2f}")
                    spike = statistics.mean(run["spike"] for run in table[name])
                    print(f"{name:16} {columns[0]:>16} {columns[1]:>16} {spike:8.1f}", flush=True)
            except RuntimeError as error:
                pool.shutdown(cancel_futures=True)
                sys.exit(str(error))
    failed = False
    for what, figure, error, limit in criteria(table):
        failed = failed or figure < limit
        print(f"{'ok  ' if figure >= limit else 'FAIL'} {what}: {figure:.2f} ± {error:.2f}, "
              f"at least {limit}")
    if options.plot:
        plot(table, options.plot)
    print(json.dumps(table))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
