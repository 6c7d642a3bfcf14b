#!/usr/bin/env python3
"""headrace's allreduce on links of a given rate, beside plain TCP streams and Gloo.

    ninja -C build/release bench/allreduce allreduce_rivals
    python3 bench/shaped.py [--ranks 2,3,4,6,8] [--sizes 4M,16M] [--rate 1gbit] [--turns 3]

Each rank is in a network namespace of its own behind a token bucket (bench/links.sh; needs root).
The three take turns: headrace; streams that move the bytes of the algorithm that headrace has
chosen, with nothing summed (allreduce_rivals/streams.cc); Gloo with the fastest of its algorithms.
Everybody's vectors are on huge pages, as the arenas of nets are (glibc is told so).
Prints a JSON line for every number of ranks and size: milliseconds of the median call (the median
over turns), CPU milliseconds per call of all ranks together, and

    of_streams   the time of streams over that of headrace: 1 is as fast as the wire
    cpu_of_gloo  CPU time of headrace over that of Gloo
"""
import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LINKS = os.path.join(HERE, "links.sh")


def parse_arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--ranks", default="2,3,4,6,8")
    p.add_argument("--sizes", default="4M,16M")
    p.add_argument("--rate", default="1gbit", help="of each rank's link, as tc writes it")
    p.add_argument("--turns", type=int, default=3)
    p.add_argument("--seconds", type=float, default=1, help="of measuring, per turn")
    p.add_argument("--contenders", default="headrace,streams,gloo", help="headrace and others")
    p.add_argument("--options", default="", help="of bench/allreduce, such as '--spin 50'")
    p.add_argument("--programs", default=os.path.join(HERE, "../build/release/bench"))
    return p.parse_args()


class Links:
    """The namespaces of so many ranks, for as long as a `with` lasts."""

    def __init__(self, ranks, rate):
        self.name, self.ranks, self.rate = "hs%d" % os.getpid(), ranks, rate

    def __enter__(self):
        try:
            subprocess.run([LINKS, "up", self.name, str(self.ranks), self.rate], check=True)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        subprocess.run([LINKS, "down", self.name, str(self.ranks)], check=True)

    def run(self, command, store):
        """Runs the command as each rank; what rank 0 prints, or None if a rank failed."""
        ranks = []
        try:
            environment = dict(os.environ, GLIBC_TUNABLES="glibc.malloc.hugetlb=1")
            for r in range(self.ranks):
                # Pinned as the ranks of a program are that starts them itself.
                core = sorted(os.sched_getaffinity(0))[r % len(os.sched_getaffinity(0))]
                ranks.append(subprocess.Popen(
                    ["ip", "netns", "exec", "%s-%d" % (self.name, r), "taskset", "-c", str(core)] +
                    command + ["--ranks", str(self.ranks), "--rank", str(r),
                               "--store", "file:" + store, "--addr", "10.77.0.%d" % (r + 1)],
                    stdout=subprocess.PIPE, text=True, env=environment))
            outputs = [rank.communicate(timeout=120)[0] for rank in ranks]
            return outputs[0] if not any(rank.returncode for rank in ranks) else None
        except subprocess.TimeoutExpired:
            return None
        finally:
            for rank in ranks:
                if rank.poll() is None:
                    rank.kill()
                rank.wait()


def turn(links, command, may_fail):
    """What one run reports. A rival that fails is tried again; headrace has to succeed."""
    for _ in range(10 if may_fail else 1):
        with tempfile.TemporaryDirectory() as store:
            output = links.run(command, store)
        if output is not None:
            return json.loads(output)["results"][0]
    raise SystemExit("a rank failed: " + " ".join(command))


def compare(links, options, size):
    task = ["--sizes", size, "--seconds", str(options.seconds), "--json"]
    contenders = options.contenders.split(",")
    turns = {name: [] for name in contenders}

    def program(name):
        return os.path.join(options.programs, name)

    for _ in range(options.turns):
        ours = turn(links, [program("allreduce"), "--insecure"] + task + options.options.split(),
                    False)
        turns["headrace"].append(ours)
        if "streams" in turns:
            turns["streams"].append(
                turn(links, [program("allreduce_streams"), "--insecure",
                             "--algorithm", ours["algorithm"]] + task, False))
        if "gloo" in turns:
            turns["gloo"].append(turn(links, [program("allreduce_gloo")] + task, True))

    report = {"rate": options.rate, "ranks": links.ranks, "bytes": turns["headrace"][0]["bytes"]}
    for name, results in turns.items():
        report[name] = {"ms": round(statistics.median(r["p50_us"] for r in results) / 1e3, 3),
                        "cpu_ms": round(
                            statistics.median(r["cpu_us_per_call"] for r in results) / 1e3, 3),
                        "algorithm": results[-1]["algorithm"]}
    ours = report["headrace"]
    if "streams" in report:
        report["of_streams"] = round(report["streams"]["ms"] / ours["ms"], 4)
    if "gloo" in report:
        report["cpu_of_gloo"] = round(ours["cpu_ms"] / report["gloo"]["cpu_ms"], 3)
    print(json.dumps(report), flush=True)


def main():
    options = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))
    may = subprocess.run([LINKS, "may"], stderr=subprocess.PIPE, text=True)
    if may.returncode != 0:
        sys.exit("network namespaces with token buckets are not permitted here (root, or a "
                 "container with NET_ADMIN and SYS_ADMIN, may make them): " + may.stderr.strip())
    for ranks in map(int, options.ranks.split(",")):
        with Links(ranks, options.rate) as links:
            for size in options.sizes.split(","):
                compare(links, options, size)


if __name__ == "__main__":
    main()
