#!/usr/bin/env python3
"""headrace's allreduce against Gloo's and Open MPI's, which take turns on the same pinned cores.

    tools/setup.sh --bench && ninja -C build/release bench/allreduce allreduce_rivals
    python3 bench/against_collectives.py --transport tcp --ranks 2,4 --sizes 64,64K,4M [--turns 3]

TCP on loopback against both; shared memory against Open MPI, because Gloo has none. Gloo takes the
fastest of its algorithms for each size. Each turn is a run of a program that starts its ranks anew
and checks every result. Prints a JSON line for every size: microseconds of each contender (its least
call, and the median over turns of the median call), its CPU microseconds per call of all ranks
together, the bound that build/release/bench/allreduce measures, and how many times as long as
headrace each rival takes. A rival that is not there is null; one that fails is run again, and how
often is in failed_runs (Gloo 0.5's ring sometimes waits for ever among more than two ranks).
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
MPI_WORDS = {"tcp": ["--mca", "btl", "tcp,self", "--mca", "btl_tcp_if_include", "lo"],
             "shm": ["--mca", "btl", "vader,self"]}


def parse_arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--transport", choices=["tcp", "shm"], default="tcp")
    p.add_argument("--ranks", default="2,4,8")
    p.add_argument("--sizes", default="64,1K,4K,16K,64K,256K,1M,4M,16M,64M")
    p.add_argument("--turns", type=int, default=3)
    p.add_argument("--seconds", type=float, default=0.3, help="of measuring, per size and turn")
    p.add_argument("--programs", default=os.path.join(HERE, "../build/release/bench"))
    return p.parse_args()


def commands(options, ranks):
    """The command of each contender; None for one that was not built."""
    def program(name):
        path = os.path.join(options.programs, name)
        return path if os.path.exists(path) else None

    task = ["--sizes", options.sizes, "--seconds", str(options.seconds), "--json"]
    start = ["--ranks", str(ranks)]
    headrace, gloo, mpi = program("allreduce"), program("allreduce_gloo"), program("allreduce_open_mpi")
    mpirun = shutil.which("mpirun.openmpi")
    if headrace is None:
        raise SystemExit("%s/allreduce is missing: ninja -C build/release bench/allreduce" %
                         options.programs)
    found = {"headrace": [headrace, "--transport", options.transport] + start + task}
    if options.transport == "tcp":
        found["gloo"] = gloo and [gloo] + start + task
    # Ranks pin themselves, as those of the others do.
    found["open_mpi"] = mpi and mpirun and (
        [mpirun, "-n", str(ranks), "--oversubscribe", "--bind-to", "none", "--mca", "pml", "ob1"] +
        MPI_WORDS[options.transport] + [mpi, "--transport", options.transport] + task)
    return found


def turn(command, failures):
    """What one run reports. A rival that fails is tried again; headrace has to succeed."""
    # mpirun refuses to be root otherwise.
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    for _ in range(10):
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment)
        if done.returncode == 0:
            return json.loads(done.stdout)
        failures.append(done.returncode)
        if os.path.basename(command[0]) == "allreduce":
            break
    raise SystemExit("exit status %d of: %s" % (done.returncode, " ".join(command)))


def summary(results):
    return {"min_us": round(min(r["min_us"] for r in results), 2),
            "p50_us": round(statistics.median(r["p50_us"] for r in results), 2),
            "cpu_us": round(statistics.median(r["cpu_us_per_call"] for r in results), 2),
            "algorithm": results[-1]["algorithm"]}


def compare(options, ranks):
    contenders = commands(options, ranks)
    turns = {name: [] for name in contenders}
    failures = {name: [] for name in contenders}
    for _ in range(options.turns):
        for name, command in contenders.items():
            if command:
                turns[name].append(turn(command, failures[name]))
    ours = turns["headrace"]
    for i, first in enumerate(ours[0]["results"]):
        report = {"transport": options.transport, "ranks": ranks, "bytes": first["bytes"],
                  "bound_us": round(min(t["results"][i]["bound_us"] for t in ours), 2)}
        for name, results in turns.items():
            report[name] = None
            if results:
                report[name] = dict(summary([t["results"][i] for t in results]),
                                    name=results[0]["name"],
                                    failed_runs=len(failures[name]))
        for rival in turns:
            if rival != "headrace" and report[rival]:
                report[rival + "_over_headrace"] = {
                    key[:-3]: round(report[rival][key] / report["headrace"][key], 2)
                    for key in ("min_us", "p50_us", "cpu_us")}
        print(json.dumps(report), flush=True)


def main():
    options = parse_arguments()
    for ranks in map(int, options.ranks.split(",")):
        compare(options, ranks)


if __name__ == "__main__":
    main()
